import Glibc

await exit(LoadTool.main(Array(CommandLine.arguments.dropFirst())))
