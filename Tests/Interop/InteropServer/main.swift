import Glibc

await exit(InteropServer.main(Array(CommandLine.arguments.dropFirst())))
