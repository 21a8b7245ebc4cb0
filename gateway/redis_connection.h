#pragma once

#include <memory>
#include <string>
#include <vector>

#include "quorum/result.h"
#include "topology/topology.h"

struct redisContext;

namespace regent {

// What Redis said. An error reply is not among these: it becomes an Error.
struct RedisReply {
  bool nil = false;
  long long integer = 0;             // of an integer reply
  std::string text;                  // of a string or status reply
  std::vector<RedisReply> elements;  // of an array reply
};

// One blocking connection to one Redis, over hiredis. Every wait is bounded by the time-out, except
// for the look-up of a host name. One thread, which should have SIGPIPE blocked.
class RedisConnection {
 public:
  // Errors name the address and the reason.
  static Result<RedisConnection> open(const Address& address, Duration timeout);

  // Sends one command and waits for its reply. ErrorCode::refused: Redis answered with an error
  // (the connection stays usable); anything else: the connection is dead and must be dropped, and
  // whether the command was or will be carried out is unknown.
  Result<RedisReply> command(const std::vector<std::string>& arguments);

 private:
  struct Free {
    void operator()(redisContext* context) const;
  };
  RedisConnection(std::unique_ptr<redisContext, Free> context, std::string address);
  std::unique_ptr<redisContext, Free> context_;
  std::string address_;
};

}  // namespace regent
