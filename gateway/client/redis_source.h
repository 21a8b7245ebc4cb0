#pragma once

#include <optional>
#include <string>
#include <vector>

#include "gateway/client/backoff.h"
#include "gateway/client/redis_link.h"
#include "gateway/client/route_keeper.h"
#include "gateway/client/route_text.h"

struct redisReply;

namespace regent::client {

// What one Redis shows. One connection reads the route and its time to live, as one step of Redis
// (MULTI), so that no lease is taken for another epoch's: at a third of the time the route has
// left, and whenever the other connection, which is subscribed to the channel of changes, has
// something to say. So a lost subscription makes it late, never wrong. Both come back by
// themselves.
//
// Owned by the loop: tick() when due, move() when poll(2) says so. What was found goes to the
// keeper.
class RedisSource {
 public:
  static constexpr Duration kShortestRead = std::chrono::milliseconds(50);
  static constexpr Duration kLongestRead = std::chrono::seconds(1);
  // Between two reads, however many changes are announced.
  static constexpr Duration kBreath = std::chrono::milliseconds(5);
  static constexpr Duration kPing = std::chrono::seconds(5);  // is the subscription still there?

  // `timeout`: of one reply, and to connect.
  RedisSource(const Endpoint& redis, const std::string& key, Duration timeout, RouteKeeper& keeper,
              Random& random);

  // Does what is due and returns the instant of the next call.
  Instant tick(Instant now);
  // Adds what to wait for, at most two.
  void add_wants(std::vector<pollfd>& wanted) const;
  void move(const pollfd& happened, Instant now);

  // Why it is of no use at present; "" when the route it showed last was of use.
  const std::string& problem() const { return problem_; }
  // It was asked, and has no route for us.
  bool useless() const { return settled_ && !problem_.empty(); }
  const Endpoint& redis() const { return redis_; }

 private:
  void tick_reader(Instant now);
  void tick_subscriber(Instant now);
  void ask(Instant now);
  void take_reply(OwnedReply reply, Instant now);
  std::string judge(const redisReply& executed, Instant now);
  void settle(std::string problem, Instant now);
  void read_soon(Instant now);
  void take_message(const redisReply& reply, Instant now);
  void lose_subscriber(Instant now);

  const Endpoint redis_;
  const std::string key_;
  const Duration timeout_;
  RouteKeeper& keeper_;
  Random& random_;
  std::string problem_ = "has not answered yet";
  bool settled_ = false;

  RedisLink reader_;
  std::optional<Instant> asked_;  // a question is under way since
  int replies_due_ = 0;           // to it
  std::string refusal_;           // the first error among them
  Duration left_{};               // of the route shown last
  bool again_ = false;            // something changed while it was under way
  Instant next_read_ = Instant::min();
  Instant earliest_ = Instant::min();  // of the next read, whatever is announced
  Backoff read_backoff_;

  RedisLink subscriber_;
  std::optional<Instant> waiting_;            // for a reply since
  Instant next_subscriber_ = Instant::min();  // attempt or ping
  Backoff subscriber_backoff_;
};

}  // namespace regent::client
