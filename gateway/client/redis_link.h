#pragma once

#include <poll.h>

#include <initializer_list>
#include <memory>
#include <string_view>
#include <vector>

#include "gateway/client/route.h"

struct redisContext;
struct redisReply;

namespace regent::client {

struct FreeRedisReply {
  void operator()(redisReply* reply) const;
};
using OwnedReply = std::unique_ptr<redisReply, FreeRedisReply>;

// One connection to one Redis that never waits, over hiredis; the owner polls. Only finding a host
// name's address may block. One thread, which has SIGPIPE blocked.
class RedisLink {
 public:
  static constexpr std::size_t kMaxReplyBytes = 256 * 1024;  // a route is a few hundred
  static constexpr int kMaxReplyElements = 4096;

  explicit RedisLink(Endpoint redis) : redis_(std::move(redis)) {}

  // Begins to connect. What is sent meanwhile goes out once connected. Errors: it cannot even
  // begin.
  Status open();
  bool is_open() const { return context_ != nullptr; }
  void close() { context_.reset(); }

  void send(std::initializer_list<std::string_view> words);  // only while open

  // What to wait for; only while open.
  pollfd wants() const;
  // Moves what can be moved without waiting; returns the replies that are complete, in order.
  // Errors (refused, broken, closed, too long): the link is closed.
  Result<std::vector<OwnedReply>> move(short happened);

 private:
  struct Free {
    void operator()(redisContext* context) const;
  };
  Result<std::vector<OwnedReply>> fail(std::string reason);
  Result<std::vector<OwnedReply>> read();

  const Endpoint redis_;
  std::unique_ptr<redisContext, Free> context_;
  bool connected_ = false;
  bool unsent_ = false;
};

}  // namespace regent::client
