#include "gateway/reload.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>

#include "topology/load.h"

namespace regent {
namespace {

constexpr const char* kText = R"(cluster: shop
version: 3
regions:
  east: { gateways: { gw1: 10.0.1.1 }, nodes: { n1: 10.0.1.11 } }
services:
  orders: { port: 8080, backends: { east: [10.0.1.31:9000] } }
)";

// A file that changes under a gateway started with kText.
class ReloadTest : public testing::Test {
 protected:
  ~ReloadTest() override { std::remove(path_.c_str()); }

  // What is taken over from kText with `from` replaced; log() is what was said.
  std::shared_ptr<const Topology> after(const std::string& from, const std::string& to) {
    std::string text = kText;
    const std::size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    std::ofstream(path_) << text.replace(at, from.size(), to);
    return read();
  }
  std::shared_ptr<const Topology> read() {
    testing::internal::CaptureStderr();
    auto next = read_again(path_, first_);
    log_ = testing::internal::GetCapturedStderr();
    return next;
  }
  bool logged(const std::string& text) const { return log_.find(text) != std::string::npos; }
  const std::string& log() const { return log_; }

  const std::string path_ = testing::TempDir() + "regent-reload-" + std::to_string(getpid());
  const Topology first_ = parse_topology(kText, "first").topology;

 private:
  std::string log_;
};

TEST_F(ReloadTest, ServicesAndTrafficAreTakenOver) {
  const auto next = after("[10.0.1.31:9000]", "[10.0.1.31:9000, 10.0.1.32:9000]");
  ASSERT_NE(next, nullptr) << log();
  EXPECT_EQ(next->services[0].backends[0].size(), 2U);
  EXPECT_NE(next->hash, first_.hash);
  EXPECT_EQ(next->quorum_hash, first_.quorum_hash);
  EXPECT_EQ(log(), "");
  const auto limits = after("services:", "traffic: { max_held: 7 }\nservices:");
  ASSERT_NE(limits, nullptr) << log();
  EXPECT_EQ(limits->traffic.max_held, 7U);
}

TEST_F(ReloadTest, EveryErrorIsALineWithItsPlace) {
  EXPECT_EQ(after("port: 8080,", "port: 0, hold: 5, "), nullptr);
  EXPECT_TRUE(logged(path_ + ":6:19: services.orders.port: must be at least 1")) << log();
  EXPECT_TRUE(logged(":6:28: services.orders.hold: needs a unit")) << log();
  std::remove(path_.c_str());
  EXPECT_EQ(read(), nullptr);
  EXPECT_TRUE(logged("cannot be read")) << log();
}

TEST_F(ReloadTest, WhatVotesDependOnIsRefusedByName) {
  EXPECT_EQ(after("n1: 10.0.1.11", "n1: 10.0.1.12, n2: 10.0.1.13"), nullptr);
  EXPECT_TRUE(logged("regions.east.nodes.n1, regions.east.nodes.n2")) << log();
  EXPECT_TRUE(logged("restart every process")) << log();
  EXPECT_EQ(after("version: 3", "version: 4\ntiming: { lease: 2s }"), nullptr);
  EXPECT_TRUE(logged("timing.lease")) << log();
}

TEST_F(ReloadTest, AnotherVersionAloneIsWarnedAbout) {
  const auto next = after("version: 3", "version: 4");
  ASSERT_NE(next, nullptr) << log();
  EXPECT_EQ(next->version, 4U);
  EXPECT_EQ(next->quorum_hash, first_.quorum_hash);
  EXPECT_TRUE(logged("another version")) << log();
}

}  // namespace
}  // namespace regent
