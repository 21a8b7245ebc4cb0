#include "gateway/client/redis_link.h"

#include <hiredis/hiredis.h>
#include <sys/socket.h>

#include <system_error>

namespace regent::client {
namespace {

// As hiredis makes them, but no array larger than any of ours: it would allocate what the length
// announces.
redisReplyObjectFunctions bounded_functions(const redisReplyObjectFunctions& given) {
  static decltype(given.createArray) create_array = given.createArray;
  redisReplyObjectFunctions bounded = given;
  bounded.createArray = [](const redisReadTask* task, int elements) -> void* {
    return elements > RedisLink::kMaxReplyElements ? nullptr : create_array(task, elements);
  };
  return bounded;
}

int socket_error(int fd) {
  int error = 0;
  socklen_t size = sizeof error;
  return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 ? error : errno;
}

}  // namespace

void FreeRedisReply::operator()(redisReply* reply) const {
  freeReplyObject(reply);
}

void RedisLink::Free::operator()(redisContext* context) const {
  redisFree(context);
}

Status RedisLink::open() {
  connected_ = false;
  unsent_ = false;
  context_.reset(redisConnectNonBlock(redis_.host.c_str(), redis_.port));
  CHECK(context_ != nullptr);  // out of memory
  if (context_->err != 0) {
    const std::string reason = context_->errstr;
    close();
    return Error{ErrorCode::io, reason};
  }
  static redisReplyObjectFunctions bounded = bounded_functions(*context_->reader->fn);
  context_->reader->fn = &bounded;
  return Done{};
}

void RedisLink::send(std::initializer_list<std::string_view> words) {
  std::vector<const char*> texts;
  std::vector<std::size_t> lengths;
  for (const std::string_view word : words) {
    texts.push_back(word.data());
    lengths.push_back(word.size());
  }
  CHECK(redisAppendCommandArgv(context_.get(), static_cast<int>(texts.size()), texts.data(),
                               lengths.data()) == REDIS_OK);
  unsent_ = true;
}

pollfd RedisLink::wants() const {
  const bool out = !connected_ || unsent_;
  return {context_->fd, static_cast<short>((connected_ ? POLLIN : 0) | (out ? POLLOUT : 0)), 0};
}

Result<std::vector<OwnedReply>> RedisLink::fail(std::string reason) {
  close();
  return Error{ErrorCode::io, std::move(reason)};
}

Result<std::vector<OwnedReply>> RedisLink::move(short happened) {
  if (happened == 0) return std::vector<OwnedReply>();
  if (!connected_) {
    if (const int error = socket_error(context_->fd); error != 0) {
      return fail(std::system_category().message(error));
    }
    connected_ = true;
  }
  if (unsent_) {
    int done = 0;
    if (redisBufferWrite(context_.get(), &done) != REDIS_OK) return fail(context_->errstr);
    unsent_ = done == 0;
  }
  if ((happened & (POLLIN | POLLHUP | POLLERR)) == 0) return std::vector<OwnedReply>();
  return read();
}

Result<std::vector<OwnedReply>> RedisLink::read() {
  if (redisBufferRead(context_.get()) != REDIS_OK) return fail(context_->errstr);
  std::vector<OwnedReply> replies;
  while (true) {
    void* reply = nullptr;
    if (redisGetReplyFromReader(context_.get(), &reply) != REDIS_OK) {
      return fail(std::string("unusable reply: ") + context_->errstr);
    }
    if (reply == nullptr) break;
    replies.emplace_back(static_cast<redisReply*>(reply));
  }
  if (context_->reader->len > kMaxReplyBytes) {
    return fail("a reply of more than " + std::to_string(kMaxReplyBytes) + " bytes");
  }
  return replies;
}

}  // namespace regent::client
