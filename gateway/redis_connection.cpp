#include "gateway/redis_connection.h"

#include <hiredis/hiredis.h>

#include <cerrno>

namespace regent {
namespace {

struct FreeReply {
  void operator()(redisReply* reply) const { freeReplyObject(reply); }
};

RedisReply convert(const redisReply& reply) {
  RedisReply converted;
  switch (reply.type) {
    case REDIS_REPLY_NIL:
      converted.nil = true;
      break;
    case REDIS_REPLY_INTEGER:
      converted.integer = reply.integer;
      break;
    case REDIS_REPLY_ARRAY:
      for (std::size_t i = 0; i < reply.elements; ++i) {
        converted.elements.push_back(convert(*reply.element[i]));
      }
      break;
    default:  // strings, status lines, and errors inside of an array
      converted.text.assign(reply.str, reply.len);
  }
  return converted;
}

// hiredis reports a time-out as "Resource temporarily unavailable".
Error failure(const redisContext& context, const std::string& address) {
  if (context.err == REDIS_ERR_IO && (errno == EAGAIN || errno == EWOULDBLOCK)) {
    return {ErrorCode::timed_out, "Redis at " + address + " did not answer in time"};
  }
  return {ErrorCode::io, "Redis at " + address + ": " + context.errstr};
}

timeval to_timeval(Duration duration) {
  const auto us = std::chrono::duration_cast<std::chrono::microseconds>(duration).count();
  return {us / 1'000'000, us % 1'000'000};
}

}  // namespace

void RedisConnection::Free::operator()(redisContext* context) const {
  redisFree(context);
}

RedisConnection::RedisConnection(std::unique_ptr<redisContext, Free> context, std::string address)
    : context_(std::move(context)), address_(std::move(address)) {}

Result<RedisConnection> RedisConnection::open(const Address& address, Duration timeout) {
  const timeval limit = to_timeval(timeout);
  std::unique_ptr<redisContext, Free> context(
      redisConnectWithTimeout(address.host.c_str(), address.port, limit));
  if (!context) return Error{ErrorCode::io, "Redis at " + address.text() + ": out of memory"};
  if (context->err != 0) return failure(*context, address.text());
  redisSetTimeout(context.get(), limit);
  return RedisConnection(std::move(context), address.text());
}

Result<RedisReply> RedisConnection::command(const std::vector<std::string>& arguments) {
  std::vector<const char*> texts;
  std::vector<std::size_t> lengths;
  for (const std::string& argument : arguments) {
    texts.push_back(argument.data());
    lengths.push_back(argument.size());
  }
  std::unique_ptr<redisReply, FreeReply> reply(static_cast<redisReply*>(redisCommandArgv(
      context_.get(), static_cast<int>(texts.size()), texts.data(), lengths.data())));
  if (!reply) return failure(*context_, address_);
  if (reply->type == REDIS_REPLY_ERROR) {
    return Error{ErrorCode::refused, std::string(reply->str, reply->len)};
  }
  return convert(*reply);
}

}  // namespace regent
