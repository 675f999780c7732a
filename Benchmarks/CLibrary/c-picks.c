// c-picks PICKS: that many embedded picks through the C library, in the ledger that
// PORTPICKER_LEDGER names. Prints the microseconds for a pick.

#include <portpicker.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double microseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1e6 + now.tv_nsec / 1e3;
}

int main(int count, char **arguments) {
  if (count != 2) return 64;
  int picks = atoi(arguments[1]), port;
  char message[PP_MESSAGE_SIZE];
  struct pp_options options = PP_OPTIONS_INIT;
  options.pool = "10000-60000";
  options.flags = PP_NO_SERVER;
  // The first pick creates the ledger; it is not measured, as in `picks`.
  if (pp_pick(&options, &port, message, sizeof message) < 0) return 1;
  double start = microseconds();
  for (int i = 0; i < picks; i++)
    if (pp_pick(&options, &port, message, sizeof message) < 0) return 1;
  printf("%f\n", (microseconds() - start) / picks);
  return 0;
}
