// Named ports.

#define _GNU_SOURCE
#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct pp_options options = PP_OPTIONS_INIT;

static void use_pool(int count) {
  options.pool = test_pool(count, NULL);
}

static void write_manifest(const char *text) {
  FILE *file = fopen(in_directory(".ports"), "w");
  CHECK(file != NULL && fputs(text, file) >= 0 && fclose(file) == 0);
}

TEST(a_name_has_the_same_port_every_time) {
  int port, again, other;
  use_pool(10);
  CHECK_RESULT(0, pp_named_port("web", &options, &port, MESSAGE));
  CHECK_RESULT(0, pp_named_port("web", NULL, &again, MESSAGE));
  CHECK(again == port);
  CHECK(mkdir("other", 0700) == 0);
  options.place = in_directory("other");
  CHECK_RESULT(0, pp_named_port("web", &options, &other, MESSAGE));
  CHECK(other != port);
  int child = start_child();
  if (child == 0) {
    CHECK_RESULT(0, pp_named_port("web", &options, &again, MESSAGE));
    _exit(again != other);
  }
  check_child(child);

  struct pp_options place = PP_OPTIONS_INIT;
  place.place = options.place;
  CHECK(rmdir("other") == 0);
  CHECK_RESULT(0, pp_forget("web", &place, MESSAGE));
  CHECK_RESULT(PP_ERROR_NOT_FOUND, pp_forget("web", &place, MESSAGE));
  CHECK_RESULT(0, pp_forget("web", NULL, MESSAGE));
  CHECK_RESULT(PP_ERROR_NOT_FOUND, pp_forget("web", NULL, MESSAGE));
}

TEST(a_block_is_consecutive) {
  int ports[6] = {-5, -5, -5, -5, -5, -5}, first;
  use_pool(8);
  CHECK_RESULT(0, pp_named_block("workers", &options, 5, ports, MESSAGE));
  for (int i = 0; i < 5; i++) CHECK(ports[i] == ports[0] + i);
  CHECK(ports[5] == -5);
  CHECK_RESULT(0, pp_named_port("workers", &options, &first, MESSAGE));
  CHECK(first == ports[0]);
  CHECK_RESULT(PP_ERROR_INVALID_ARGUMENT,
               pp_named_block("workers", &options, 4, ports, MESSAGE));
  CHECK_RESULT(PP_ERROR_POOL_EXHAUSTED,
               pp_named_block("more", &options, 5, ports, MESSAGE));
}

TEST(invalid_names_and_places_are_errors) {
  int port = -5;
  const char *names[] = {"", "Web", "1", "a b", "w_b", "-"};
  for (int i = 0; i < 6; i++) {
    CHECK_RESULT(PP_ERROR_INVALID_ARGUMENT,
                 pp_named_port(names[i], NULL, &port, MESSAGE));
    CHECK_RESULT(PP_ERROR_INVALID_ARGUMENT, pp_forget(names[i], NULL, MESSAGE));
  }
  options.place = "/does/not/exist";
  CHECK_RESULT(PP_ERROR_INVALID_ARGUMENT,
               pp_named_port("web", &options, &port, MESSAGE));
  options.place = "";
  CHECK_RESULT(PP_ERROR_INVALID_ARGUMENT,
               pp_named_port("web", &options, &port, MESSAGE));
  CHECK(port == -5);
}

struct variables {
  int count;
  char names[10][32];
  int values[10];
};

static void note(const char *variable, int value, void *context) {
  struct variables *variables = context;
  snprintf(variables->names[variables->count], 32, "%s", variable);
  variables->values[variables->count++] = value;
}

TEST(a_manifest_gives_variables) {
  struct variables variables = {.count = 0};
  use_pool(10);
  CHECK_RESULT(PP_ERROR_NOT_FOUND,
               pp_named_variables(&options, note, &variables, MESSAGE));
  write_manifest("web env=PORT\nworkers count=2\n");
  CHECK_RESULT(0, pp_named_variables(&options, note, &variables, MESSAGE));
  const char *names[] = {"PORT", "WORKERS_PORT", "WORKERS_PORT_1", "WORKERS_PORT_2",
                         "WORKERS_PORT_COUNT"};
  CHECK(variables.count == 5);
  for (int i = 0; i < 5; i++) CHECK(strcmp(variables.names[i], names[i]) == 0);
  int port;
  CHECK_RESULT(0, pp_named_port("web", &options, &port, MESSAGE));
  CHECK(variables.values[0] == port);
  CHECK(variables.values[2] == variables.values[1]);
  CHECK(variables.values[3] == variables.values[1] + 1 && variables.values[4] == 2);

  write_manifest("web count=x\n");
  variables.count = 0;
  CHECK_RESULT(PP_ERROR_INVALID_ARGUMENT,
               pp_named_variables(&options, note, &variables, MESSAGE));
  CHECK(variables.count == 0 && strstr(message, ".ports") != NULL);
}
