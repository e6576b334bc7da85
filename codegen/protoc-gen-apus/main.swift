Plugin.main()
