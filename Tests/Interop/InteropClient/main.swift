import Glibc

await exit(InteropClient.main(Array(CommandLine.arguments.dropFirst())))
