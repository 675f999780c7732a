// g++ port_fixture_test.cc $(pkg-config --cflags --libs portpicker) -lgtest -lgtest_main

#include <gtest/gtest.h>
#include <portpicker.h>

#include <cstdio>

// Gives each test a port of its own, and takes it back.
class PortTest : public testing::Test {
 protected:
  void SetUp() override {
    char message[PP_MESSAGE_SIZE];
    ASSERT_EQ(pp_pick(nullptr, &port, message, sizeof message), 0) << message;
  }

  void TearDown() override { pp_return(port, nullptr, nullptr, 0); }

  int port = 0;
};

TEST_F(PortTest, ServesOnItsPort) {
  bool is_free = false;
  ASSERT_EQ(pp_is_free(port, &is_free, nullptr, 0), 0);
  EXPECT_TRUE(is_free);
  std::printf("test port %d\n", port);
}
