// Invalid arguments: every one is an error with a message, and changes nothing.

#define _GNU_SOURCE
#include "check.h"

#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void ignore(const char *variable, int value, void *context) {
  (void)variable, (void)value, (void)context;
}

TEST(the_version_is_that_of_the_header) {
  int major, minor, patch;
  CHECK(sscanf(pp_version(), "%d.%d.%d", &major, &minor, &patch) == 3);
  CHECK(major * 10000 + minor * 100 + patch == PP_VERSION_NUMBER);
  CHECK(pp_version() == pp_version());
}

TEST(every_code_has_a_description) {
  for (int code = 0; code >= PP_ERROR_NOT_FOUND; code--) {
    CHECK(strcmp(pp_strerror(code), "unknown error") != 0);
    for (int other = 0; other > code; other--)
      CHECK(strcmp(pp_strerror(code), pp_strerror(other)) != 0);
  }
  int unknown[] = {1, PP_ERROR_NOT_FOUND - 1, INT_MIN, INT_MAX};
  for (int i = 0; i < 4; i++)
    CHECK(strcmp(pp_strerror(unknown[i]), "unknown error") == 0);
}

TEST(null_pointers_are_errors) {
  int port = -5, other = -5;
  enum { invalid = PP_ERROR_INVALID_ARGUMENT };
  CHECK_RESULT(invalid, pp_pick(NULL, NULL, MESSAGE));
  CHECK_RESULT(invalid, pp_pick_several(NULL, 1, NULL, MESSAGE));
  CHECK_RESULT(invalid, pp_pick_from_server(NULL, NULL, &port, MESSAGE));
  CHECK_RESULT(invalid, pp_pick_from_server("@nobody", NULL, NULL, MESSAGE));
  CHECK_RESULT(invalid, pp_is_free(5000, NULL, MESSAGE));
  CHECK_RESULT(invalid, pp_probe(5000, PP_TCP, NULL, MESSAGE));
  CHECK_RESULT(invalid, pp_bind(NULL, NULL, &other, &other, MESSAGE));
  CHECK_RESULT(invalid, pp_bind(NULL, &port, NULL, &other, MESSAGE));
  CHECK_RESULT(invalid, pp_hold(NULL, NULL, &other, MESSAGE));
  CHECK_RESULT(invalid, pp_hold(NULL, &port, NULL, MESSAGE));
  CHECK_RESULT(invalid, pp_named_port(NULL, NULL, &port, MESSAGE));
  CHECK_RESULT(invalid, pp_named_port("web", NULL, NULL, MESSAGE));
  CHECK_RESULT(invalid, pp_named_block(NULL, NULL, 1, &port, MESSAGE));
  CHECK_RESULT(invalid, pp_named_block("web", NULL, 1, NULL, MESSAGE));
  CHECK_RESULT(invalid, pp_named_variables(NULL, NULL, NULL, MESSAGE));
  CHECK_RESULT(invalid, pp_forget(NULL, NULL, MESSAGE));
  CHECK(port == -5 && other == -5);
  pp_set_warning_handler(NULL, NULL);
}

TEST(numbers_out_of_range_are_errors) {
  enum { invalid = PP_ERROR_INVALID_ARGUMENT };
  int port = -5;
  bool is_free = true;
  int ports[] = {INT_MIN, -1, 65536, INT_MAX};
  for (int i = 0; i < 4; i++) {
    CHECK_RESULT(invalid, pp_return(ports[i], NULL, MESSAGE));
    CHECK_RESULT(invalid, pp_reserve(ports[i], MESSAGE));
    CHECK_RESULT(invalid, pp_is_free(ports[i], &is_free, MESSAGE));
    CHECK_RESULT(invalid, pp_probe(ports[i], PP_TCP, &port, MESSAGE));
  }
  CHECK_RESULT(invalid, pp_return(0, NULL, MESSAGE));
  CHECK_RESULT(invalid, pp_reserve(0, MESSAGE));
  CHECK_RESULT(invalid, pp_is_free(0, &is_free, MESSAGE));
  int transports[] = {INT_MIN, -1, 0, 3, INT_MAX};
  for (int i = 0; i < 5; i++)
    CHECK_RESULT(invalid, pp_probe(0, transports[i], &port, MESSAGE));
  size_t counts[] = {0, 65536, (size_t)1 << 32, SIZE_MAX / 2, SIZE_MAX};
  for (int i = 0; i < 5; i++) {
    CHECK_RESULT(invalid, pp_pick_several(NULL, counts[i], &port, MESSAGE));
    CHECK_RESULT(invalid, pp_named_block("web", NULL, counts[i], &port, MESSAGE));
  }
  CHECK(port == -5 && is_free);
}

TEST(invalid_options_are_errors) {
  enum { invalid = PP_ERROR_INVALID_ARGUMENT };
  int port = -5;
  struct pp_options valid = PP_OPTIONS_INIT, options;
  valid.pool = test_pool(2, NULL);

#define CHECK_OPTION(assignment)                                                     \
  options = valid;                                                                   \
  assignment;                                                                        \
  CHECK_RESULT(invalid, pp_pick(&options, &port, MESSAGE))

  size_t sizes[] = {0, 1, 8, sizeof valid - 1, 5000, SIZE_MAX};
  for (int i = 0; i < 6; i++) {
    CHECK_OPTION(options.size = sizes[i]);
  }
  const char *pools[] = {"", ",", "x", "0", "65536", "2-1", "1-2-3", "-1", "5000,",
                         "99999999999999999999", "\xff"};
  for (int i = 0; i < 11; i++) {
    CHECK_OPTION(options.pool = pools[i]);
  }
  CHECK_OPTION(options.timeout_ms = -1);
  CHECK_OPTION(options.timeout_ms = INT_MIN);
  CHECK_OPTION(options.pid = -1);
  CHECK_OPTION(options.pid = INT_MIN);
  CHECK_OPTION(options.server = "@\xff");
  CHECK_OPTION(options.place = "/");
  CHECK_OPTION(options.flags = PP_CONTIGUOUS);
  CHECK_OPTION(options.flags = PP_LOOPBACK);
  CHECK_OPTION(options.flags = UINT64_MAX);
  CHECK_OPTION(options.flags = UINT64_C(1) << 63);
  CHECK_OPTION(options.flags = PP_SERVER_REQUIRED | PP_SERVER_OPTIONAL);
  CHECK_OPTION(options.flags = PP_NO_SERVER; options.server = "@nobody");
  CHECK(port == -5);
  CHECK_RESULT(0, pp_pick(&valid, &port, MESSAGE));
}

TEST(options_that_a_function_does_not_use_are_errors) {
  enum { invalid = PP_ERROR_INVALID_ARGUMENT };
  int port = -5, tcp, udp;
  struct pp_options options = PP_OPTIONS_INIT;
  options.pid = 1;
  CHECK_RESULT(invalid, pp_bind(&options, &port, &tcp, &udp, MESSAGE));
  CHECK(strstr(message, "'pid'") != NULL);
  CHECK_RESULT(invalid, pp_hold(&options, &port, &tcp, MESSAGE));
  CHECK_RESULT(invalid, pp_return(5000, &options, MESSAGE));
  CHECK_RESULT(invalid, pp_named_port("web", &options, &port, MESSAGE));
  CHECK_RESULT(invalid, pp_named_block("web", &options, 1, &port, MESSAGE));
  CHECK_RESULT(invalid, pp_named_variables(&options, ignore, NULL, MESSAGE));
  CHECK_RESULT(invalid, pp_forget("web", &options, MESSAGE));
  options.pid = 0;
  options.pool = "5000";
  CHECK_RESULT(invalid, pp_pick_from_server("@nobody", &options, &port, MESSAGE));
  CHECK_RESULT(invalid, pp_return(5000, &options, MESSAGE));
  CHECK_RESULT(invalid, pp_forget("web", &options, MESSAGE));
  options.pool = NULL;
  options.flags = PP_LOOPBACK;
  CHECK_RESULT(invalid, pp_hold(&options, &port, &tcp, MESSAGE));
  CHECK_RESULT(invalid, pp_pick_several(&options, 1, &port, MESSAGE));
  CHECK(port == -5);
}

TEST(options_of_a_later_version_are_accepted_if_they_are_zero) {
  struct {
    struct pp_options known;
    char later[64];
  } options = {.known = PP_OPTIONS_INIT};
  int port;
  options.known.size = sizeof options;
  options.known.pool = test_pool(1, NULL);
  CHECK_RESULT(0, pp_pick(&options.known, &port, MESSAGE));
  options.later[63] = 1;
  CHECK_RESULT(PP_ERROR_INVALID_ARGUMENT, pp_pick(&options.known, &port, MESSAGE));
}

TEST(text_that_is_not_utf8_is_an_error) {
  enum { invalid = PP_ERROR_INVALID_ARGUMENT };
  int port;
  struct pp_options options = PP_OPTIONS_INIT;
  CHECK_RESULT(invalid, pp_named_port("\xc3", NULL, &port, MESSAGE));
  CHECK_RESULT(invalid, pp_named_block("\xff", NULL, 1, &port, MESSAGE));
  CHECK_RESULT(invalid, pp_forget("\xed\xa0\x80", NULL, MESSAGE));
  CHECK_RESULT(invalid, pp_pick_from_server("\xfe", NULL, &port, MESSAGE));
  options.place = "\x80";
  CHECK_RESULT(invalid, pp_named_port("web", &options, &port, MESSAGE));
  CHECK_RESULT(invalid, pp_forget("web", &options, MESSAGE));
}

TEST(a_message_fits_into_its_buffer) {
  // Each character has three bytes, and line feeds are replaced.
  const char *name = "\xe2\x82\xac\xe2\x82\xac\n\xe2\x82\xac\xe2\x82\xac";
  char whole[PP_MESSAGE_SIZE];
  int error = pp_forget(name, NULL, whole, sizeof whole);
  CHECK(error == PP_ERROR_INVALID_ARGUMENT && strchr(whole, '\n') == NULL);
  size_t length = strlen(whole);
  for (size_t size = 0; size <= length + 2; size++) {
    char *buffer = malloc(size + 1);
    memset(buffer, 'x', size + 1);
    CHECK(pp_forget(name, NULL, buffer, size) == error);
    CHECK(buffer[size] == 'x');
    if (size > 0) {
      size_t written = strlen(buffer);
      CHECK(written < size && strncmp(buffer, whole, written) == 0);
      CHECK(size > length || written + 3 >= size - 1);
      // It ends with a whole character.
      CHECK((whole[written] & 0xC0) != 0x80);
    }
    free(buffer);
  }
  CHECK(pp_forget(name, NULL, NULL, 0) == error);
  CHECK(pp_forget(name, NULL, NULL, 100) == error);
  CHECK(pp_forget(name, NULL, whole, SIZE_MAX) == error);
  CHECK(strlen(whole) == length);
}
