#include "gateway/client/redis_source.h"

#include <hiredis/hiredis.h>

#include <algorithm>

namespace regent::client {
namespace {

constexpr int kQuestionReplies = 4;  // MULTI, HGETALL, PTTL, EXEC
constexpr std::size_t kMaxErrorBytes = 200;

std::string text_of(const redisReply& reply) {
  return reply.str == nullptr ? "" : std::string(reply.str, reply.len);
}

std::string error_text(const redisReply& reply) {
  return text_of(reply).substr(0, kMaxErrorBytes);
}

bool is_text(const redisReply& reply) {
  return reply.type == REDIS_REPLY_STRING || reply.type == REDIS_REPLY_STATUS;
}

// Fields and values of the reply to HGETALL.
Result<std::vector<std::pair<std::string, std::string>>> fields_of(const redisReply& reply) {
  if (reply.type == REDIS_REPLY_ERROR) return Error{ErrorCode::invalid, error_text(reply)};
  if (reply.type != REDIS_REPLY_ARRAY) return Error{ErrorCode::invalid, "HGETALL gave no list"};
  std::vector<std::pair<std::string, std::string>> fields;
  for (std::size_t i = 0; i + 1 < reply.elements; i += 2) {
    fields.emplace_back(text_of(*reply.element[i]), text_of(*reply.element[i + 1]));
  }
  return fields;
}

}  // namespace

RedisSource::RedisSource(const Endpoint& redis, const std::string& key, Duration timeout,
                         RouteKeeper& keeper, Random& random)
    : redis_(redis),
      key_(key),
      timeout_(timeout),
      keeper_(keeper),
      random_(random),
      reader_(redis),
      subscriber_(redis) {}

Instant RedisSource::tick(Instant now) {
  tick_reader(now);
  tick_subscriber(now);
  return std::min(asked_ ? *asked_ + timeout_ : next_read_,
                  waiting_ ? *waiting_ + timeout_ : next_subscriber_);
}

void RedisSource::add_wants(std::vector<pollfd>& wanted) const {
  for (const RedisLink* link : {&reader_, &subscriber_}) {
    if (link->is_open()) wanted.push_back(link->wants());
  }
}

void RedisSource::move(const pollfd& happened, Instant now) {
  if (reader_.is_open() && reader_.wants().fd == happened.fd) {
    auto replies = reader_.move(happened.revents);
    if (!replies.ok()) return settle(replies.error().message, now);
    for (OwnedReply& reply : *replies) take_reply(std::move(reply), now);
  } else if (subscriber_.is_open() && subscriber_.wants().fd == happened.fd) {
    const auto replies = subscriber_.move(happened.revents);
    if (!replies.ok()) return lose_subscriber(now);
    for (const OwnedReply& reply : *replies) {
      if (subscriber_.is_open()) take_message(*reply, now);
    }
  }
}

void RedisSource::tick_reader(Instant now) {
  if (asked_ && now >= *asked_ + timeout_) {
    reader_.close();
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(timeout_).count();
    settle("no answer within " + std::to_string(ms) + " ms", now);
  }
  if (!asked_ && now >= next_read_) ask(now);
}

void RedisSource::ask(Instant now) {
  asked_ = now;
  earliest_ = now + kBreath;
  if (!reader_.is_open()) {
    if (const Status opened = reader_.open(); !opened.ok()) {
      return settle(opened.error().message, now);
    }
  }
  reader_.send({"MULTI"});
  reader_.send({"HGETALL", key_});
  reader_.send({"PTTL", key_});
  reader_.send({"EXEC"});
  replies_due_ = kQuestionReplies;
  refusal_.clear();
  again_ = false;
}

void RedisSource::take_reply(OwnedReply reply, Instant now) {
  if (!asked_) {
    reader_.close();
    return settle("a reply that was not asked for", now);
  }
  --replies_due_;
  if (reply->type == REDIS_REPLY_ERROR && refusal_.empty()) refusal_ = error_text(*reply);
  if (replies_due_ == 0) settle(refusal_.empty() ? judge(*reply, now) : refusal_, now);
}

// Hands the route to the keeper; returns why it was of no use, or "".
std::string RedisSource::judge(const redisReply& executed, Instant now) {
  if (executed.type != REDIS_REPLY_ARRAY || executed.elements != 2 ||
      executed.element[1]->type != REDIS_REPLY_INTEGER) {
    return "EXEC gave something else than the route and its time to live";
  }
  const auto fields = fields_of(*executed.element[0]);
  if (!fields.ok()) return fields.error().message;
  if (fields->empty()) return "has no route";
  const auto shown = shown_by_hash(*fields, executed.element[1]->integer);
  if (!shown.ok()) return shown.error().message;
  const Offer offer{shown->route, *asked_, shown->left};
  left_ = offer.ends() - now;
  return objection(keeper_.offer(offer, now), offer, keeper_);
}

// The end of a question, whatever came of it.
void RedisSource::settle(std::string problem, Instant now) {
  problem_ = std::move(problem);
  settled_ = true;
  asked_.reset();
  if (problem_.empty()) {
    read_backoff_.reset();
    const Duration wait = std::clamp<Duration>(left_ / 3, kShortestRead, kLongestRead);
    next_read_ = now + Backoff::jittered(wait, random_);
  } else {
    next_read_ = now + read_backoff_.next(random_);
  }
  if (again_) next_read_ = std::max(now, earliest_);
  again_ = false;
}

void RedisSource::read_soon(Instant now) {
  if (asked_) {
    again_ = true;
  } else {
    next_read_ = std::min(next_read_, std::max(now, earliest_));
  }
}

void RedisSource::tick_subscriber(Instant now) {
  if (waiting_ && now >= *waiting_ + timeout_) lose_subscriber(now);
  if (waiting_ || now < next_subscriber_) return;
  waiting_ = now;
  if (subscriber_.is_open()) {
    subscriber_.send({"PING"});
  } else if (subscriber_.open().ok()) {
    subscriber_.send({"SUBSCRIBE", key_});
  } else {
    lose_subscriber(now);
  }
}

// A list of three texts and numbers: ["subscribe", channel, 1], ["message", channel, text] or
// ["pong", ""].
void RedisSource::take_message(const redisReply& reply, Instant now) {
  if (reply.type != REDIS_REPLY_ARRAY || reply.elements < 2 || !is_text(*reply.element[0])) {
    return lose_subscriber(now);
  }
  const std::string kind = text_of(*reply.element[0]);
  if (kind == "message") {
    const bool complete = reply.elements == 3 && is_text(*reply.element[2]);
    const auto told = parse_announcement(complete ? text_of(*reply.element[2]) : "");
    if (told.ok() && told->given_back) {
      keeper_.give_back(told->epoch, now);
    } else if (told.ok()) {
      keeper_.announce(told->epoch);
    }
    return read_soon(now);
  }
  waiting_.reset();
  subscriber_backoff_.reset();
  next_subscriber_ = now + kPing;
  // What changed before the subscription began was not announced to us.
  if (kind == "subscribe") read_soon(now);
}

void RedisSource::lose_subscriber(Instant now) {
  subscriber_.close();
  waiting_.reset();
  next_subscriber_ = now + subscriber_backoff_.next(random_);
}

}  // namespace regent::client
