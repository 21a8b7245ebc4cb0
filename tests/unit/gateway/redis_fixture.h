#pragma once

#include <sys/types.h>

#include <atomic>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "gateway/redis_connection.h"
#include "topology/topology.h"

struct redisContext;

namespace regent::test {

// Waits until `condition` holds; false when it did not within `limit`.
bool eventually(const std::function<bool()>& condition, Duration limit = std::chrono::seconds(20));

// A redis-server of its own on a free port, with a data folder of its own, killed at the end.
class RedisServer {
 public:
  explicit RedisServer(std::vector<std::string> options = {});
  ~RedisServer();
  RedisServer(const RedisServer&) = delete;
  RedisServer& operator=(const RedisServer&) = delete;

  const Address& address() const { return address_; }
  void kill();    // SIGKILL
  void start();   // again, on the same port, empty
  void freeze();  // SIGSTOP
  void thaw();

  // Runs a command that is expected to succeed.
  RedisReply run(const std::vector<std::string>& arguments);
  std::map<std::string, std::string> hash(const std::string& key);
  bool exists(const std::string& key) { return run({"EXISTS", key}).integer == 1; }

 private:
  bool answers();
  std::filesystem::path dir_;
  std::vector<std::string> options_;
  Address address_;
  pid_t pid_ = -1;
  std::optional<RedisConnection> connection_;
};

// Messages of one channel since it was made.
class RedisSubscription {
 public:
  RedisSubscription(const Address& redis, const std::string& channel);
  ~RedisSubscription();
  // The next message; waits for it.
  std::string next();

 private:
  redisContext* context_;
};

// Stands between a client and a Redis and holds back requests that contain a word.
class SlowRoad {
 public:
  SlowRoad(const Address& redis, std::string word, Duration delay);
  ~SlowRoad();
  const Address& address() const { return address_; }
  int delayed() const { return delayed_; }

 private:
  void run();
  const Address redis_;
  const std::string word_;
  const Duration delay_;
  Address address_;
  int listener_ = -1;
  std::atomic<bool> stopping_{false};
  std::atomic<int> delayed_{0};
  std::thread thread_;
};

}  // namespace regent::test
