#pragma once

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gateway/redis_connection.h"
#include "quorum/types.h"
#include "topology/topology.h"

// The mirror of the route in the region's Redis, for clients that look it up themselves. It follows
// the decision and never takes part in it: whatever Redis does, only the mirror is affected.
namespace regent {

// What the mirror is to show.
struct RouteRecord {
  Epoch epoch;
  // Name of the primary's region. "": this epoch was given back before its lease ended, so the
  // mirror must stop showing it.
  std::string primary;
  // Service and host:port of the primary region's gateways, in the topology's order.
  std::vector<std::pair<std::string, std::vector<std::string>>> gateways;
  // End of the primary's lease on this process's clock; not later than its real end.
  Instant lease_end = Instant::min();

  bool operator==(const RouteRecord&) const = default;
};

struct RouteCacheState {
  bool up = false;      // the last command to Redis succeeded
  Epoch epoch;          // highest in Redis, as of the last write
  std::string problem;  // why not up, or why the last record was refused; "" when all is well
};

// Keeps `regent:{CLUSTER}:route` up to date, on a thread of its own. The key never shows a lower
// epoch after a higher one and never outlives the lease, also when Redis is slow: its expiry is
// counted on Redis' own clock, read before the local clock, and Redis refuses to write an expiry
// that is over when it comes to run the command.
//
// Assumes that Redis' wall clock is not set back while a key lives.
class RouteCache {
 public:
  static constexpr Duration kCommandTimeout = std::chrono::milliseconds(200);  // also to connect
  static constexpr Duration kShortestRetry = std::chrono::milliseconds(50);
  static constexpr Duration kLongestRetry = std::chrono::seconds(1);
  static constexpr Duration kIdlePing = std::chrono::seconds(1);  // so that `up` stays true

  static constexpr std::size_t kMaxTold = 16;  // reasons logged while it is down

  RouteCache(Address redis, const std::string& cluster);
  ~RouteCache();  // ends within about two command time-outs
  RouteCache(const RouteCache&) = delete;
  RouteCache& operator=(const RouteCache&) = delete;

  // Hands over what to show now; call it at each change and each renewal. The latest one wins: one
  // that Redis did not get yet is dropped. Never blocks. Any thread.
  void update(RouteRecord record);

  // Redis is as good as out of reach until then, for a drill; Instant::min(): not at all. Any
  // thread.
  void cut(Instant until);

  RouteCacheState state() const;  // any thread

 private:
  void run();
  bool step(const std::optional<RouteRecord>& record);
  Status connect();
  bool is_cut() const;
  Status write(const RouteRecord& record);
  Result<RedisReply> run_script(std::vector<std::string> arguments);
  Status note_verdict(const RouteRecord& record, const RedisReply& reply);
  void note_up();
  void note_failure(const Error& error);
  void note_refused(const std::string& problem);

  const Address redis_;
  const std::string key_;
  const std::string history_key_;

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::optional<RouteRecord> pending_;
  RouteCacheState state_;
  std::set<std::string> told_;  // reasons logged since it was up last
  Instant cut_until_ = Instant::min();
  bool stopping_ = false;

  // The thread's own.
  std::optional<RedisConnection> connection_;
  std::string script_hash_;
  Duration retry_ = kShortestRetry;
  Instant next_attempt_ = Instant::min();
  Epoch highest_;               // ever seen in Redis or written: survives a wipe of Redis
  bool write_refused_ = false;  // Redis answers, but takes no writes

  std::thread thread_;
};

}  // namespace regent
