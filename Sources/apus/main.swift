import Glibc

await exit(Roof.main(Array(CommandLine.arguments.dropFirst())))
