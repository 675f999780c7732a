$ swift test
…
◇ Suite CounterTests started.
✔ Test beginsAtZero() passed after 0.009 seconds.
✔ Test counts() passed after 0.015 seconds.
✔ Suite CounterTests passed after 0.124 seconds.
✔ Test run with 2 tests in 1 suite passed after 0.125 seconds.
