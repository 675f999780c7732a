$ swift test
…
✘ Test counts() recorded an issue at CounterTests.swift:4:2: Caught error:
  the server 'redis-server --port 25011 --colour blue' exited with status 1
  before it listened on port 25011; its output ends with:

  *** FATAL CONFIG FILE ERROR (Redis 7.0.15) ***
  Reading the configuration file, at line 3
  >>> 'colour "blue"'
  Bad directive or wrong number of arguments
✘ Test counts() failed after 0.019 seconds with 1 issue.
