#pragma once

#include <condition_variable>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "security/credentials.h"
#include "topology/topology.h"

// A small cluster for tests: a topology on loopback addresses that no other test process uses, and
// certificates for all its processes.
namespace regent::test {

// Waits for a condition that other threads change, under one mutex. The limit only turns a hang
// into a failure.
class Awaited {
 public:
  static constexpr auto kLimit = std::chrono::seconds(30);
  // Runs `change` under the mutex and wakes the waiters.
  void update(const std::function<void()>& change);
  // False when the limit has passed.
  [[nodiscard]] bool wait(const std::function<bool()>& condition);

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
};

class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  std::string path(const std::string& name = "") const;

 private:
  std::filesystem::path path_;
};

// Regions us-east (gateways gw1, gw2; nodes n1, n2), us-west (gw1; n1), eu (gw1; n1; a witness).
// Another `version` gives another topology hash.
Topology make_topology(int version = 1);

GatewayId gateway_id(const Topology& topology, const std::string& region, const std::string& name);
NodeId node_id(const Topology& topology, const std::string& region, const std::string& name);
RegionId region_id(const Topology& topology, const std::string& region);

// Certificates for every process of the topology in one folder, by one authority.
class Certificates {
 public:
  explicit Certificates(const Topology& topology);
  // Of one process; stops the test program when it cannot be loaded.
  std::unique_ptr<Credentials> load(const Identity& identity) const;
  std::string dir() const { return folder_.path(); }

 private:
  TemporaryFolder folder_;
};

}  // namespace regent::test
