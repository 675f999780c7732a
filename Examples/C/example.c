// cc example.c $(pkg-config --cflags --libs portpicker)

#include <portpicker.h>
#include <stdio.h>
#include <unistd.h>

int main(void) {
  char message[PP_MESSAGE_SIZE];
  int port, tcp;

  // A port for a server that is started with a number.
  if (pp_pick(NULL, &port, message, sizeof message) < 0) {
    fprintf(stderr, "%s\n", message);
    return 1;
  }
  printf("a server could use port %d\n", port);
  pp_return(port, NULL, NULL, 0);

  // A port that is listening already: nobody can take it in between.
  if (pp_bind(NULL, &port, &tcp, NULL, message, sizeof message) < 0) {
    fprintf(stderr, "%s\n", message);
    return 1;
  }
  printf("descriptor %d listens on port %d\n", tcp, port);
  close(tcp);
  return 0;
}
