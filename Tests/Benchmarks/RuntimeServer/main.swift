import Glibc

await exit(RuntimeServer.main(Array(CommandLine.arguments.dropFirst())))
