$ sudo apt-get install redis-server
$ ls
swift-portpicker
$ mkdir -p counter/Tests/CounterTests
$ cd counter
