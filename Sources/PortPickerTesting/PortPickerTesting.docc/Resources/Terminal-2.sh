$ swift test
…
◇ Test counts() started.
✔ Test counts() passed after 0.124 seconds.
✔ Test run with 1 test in 0 suites passed after 0.124 seconds.
