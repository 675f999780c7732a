// loading LIBRARY: loads the library, uses it, and unloads it, over and over; also with
// threads and a child in between.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <portpicker.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *library;

// Returns a port that it has picked, or a negative number.
static int use(void) {
  void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
  if (handle == NULL) {
    fprintf(stderr, "%s\n", dlerror());
    return -100;
  }
  __typeof__(pp_pick) *pick = (__typeof__(pp_pick) *)dlsym(handle, "pp_pick");
  __typeof__(pp_return) *give_back = (__typeof__(pp_return) *)dlsym(handle, "pp_return");
  char message[PP_MESSAGE_SIZE];
  int port = 0;
  int result = pick(NULL, &port, message, sizeof message);
  if (result == 0) result = give_back(port, NULL, message, sizeof message);
  if (result < 0) fprintf(stderr, "%s\n", message);
  if (dlclose(handle) != 0) return -101;
  return result < 0 ? result : port;
}

static void *use_in_thread(void *result) {
  *(int *)result = use();
  return NULL;
}

int main(int count, char **arguments) {
  if (count != 2) return 64;
  library = arguments[1];
  for (int i = 0; i < 20; i++)
    if (use() < 0) return 1;
  for (int i = 0; i < 5; i++) {
    pthread_t threads[4];
    int results[4];
    for (int k = 0; k < 4; k++)
      if (pthread_create(&threads[k], NULL, use_in_thread, &results[k]) != 0) return 1;
    for (int k = 0; k < 4; k++) {
      pthread_join(threads[k], NULL);
      if (results[k] < 0) return 1;
    }
  }
  pid_t child = fork();
  if (child == 0) _exit(use() < 0);
  int status;
  return waitpid(child, &status, 0) != child || status != 0;
}
