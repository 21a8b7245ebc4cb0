#include "gateway/route_cache.h"

#include <pthread.h>

#include <algorithm>
#include <csignal>

#include "gateway/route_cache_script.h"
#include "gateway/json.h"
#include "region/clock.h"
#include "region/log.h"

namespace regent {
namespace {

std::string joined(const std::vector<std::string>& parts) {
  std::string text;
  for (const std::string& part : parts) text += (text.empty() ? "" : ",") + part;
  return text;
}

// What subscribers get: the route's fields as JSON.
std::string announcement(const RouteRecord& record) {
  auto object = ordered_object();
  object->set("epoch", record.epoch.value);
  if (record.primary.empty()) {
    object->set("primary", Poco::Dynamic::Var());
  } else {
    object->set("primary", record.primary);
  }
  auto services = ordered_object();
  Poco::JSON::Array::Ptr first = new Poco::JSON::Array;
  for (std::size_t i = 0; i < record.gateways.size(); ++i) {
    Poco::JSON::Array::Ptr addresses = new Poco::JSON::Array;
    for (const std::string& address : record.gateways[i].second) addresses->add(address);
    if (i == 0) first = addresses;
    services->set(record.gateways[i].first, addresses);
  }
  object->set("gateways", first);
  object->set("services", services);
  std::string text = json_text(*object);
  text.pop_back();
  return text;
}

// Milliseconds of Redis' clock out of the reply to TIME: seconds and microseconds, as text.
Result<std::int64_t> redis_milliseconds(const RedisReply& reply) {
  try {
    return std::stoll(reply.elements.at(0).text) * 1000 +
           std::stoll(reply.elements.at(1).text) / 1000;
  } catch (const std::exception&) {
    return Error{ErrorCode::invalid, "Redis gave an answer to TIME that is not a time"};
  }
}

// hiredis writes with write(2), which raises SIGPIPE on a connection that Redis has closed.
void block_sigpipe() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
}

Epoch parse_epoch(const std::string& text) {
  return Epoch{std::strtoull(text.c_str(), nullptr, 10)};
}

}  // namespace

RouteCache::RouteCache(Address redis, const std::string& cluster)
    : redis_(std::move(redis)),
      key_("regent:{" + cluster + "}:route"),
      history_key_("regent:{" + cluster + "}:history"),
      thread_([this] { run(); }) {}

RouteCache::~RouteCache() {
  {
    std::scoped_lock lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void RouteCache::update(RouteRecord record) {
  {
    std::scoped_lock lock(mutex_);
    pending_ = std::move(record);
  }
  wake_.notify_one();
}

RouteCacheState RouteCache::state() const {
  std::scoped_lock lock(mutex_);
  return state_;
}

void RouteCache::run() {
  block_sigpipe();
  pthread_setname_np(pthread_self(), "route-cache");
  std::optional<RouteRecord> record;
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    // While Redis is away a new record does not cause an attempt before its time.
    while (!stopping_ && !connection_ && boot_now() < next_attempt_) {
      wake_.wait_for(lock, next_attempt_ - boot_now(), [this] { return stopping_; });
    }
    if (stopping_) break;
    if (pending_) record = std::exchange(pending_, std::nullopt);
    lock.unlock();
    // A record that Redis did not take is tried again until its lease is over.
    const bool over = record && !record->primary.empty() && boot_now() >= record->lease_end;
    if (over || step(record)) record.reset();
    lock.lock();
    if (connection_) {
      wake_.wait_for(lock, kIdlePing, [this] { return stopping_ || pending_.has_value(); });
    }
  }
}

// Writes the record, or looks whether Redis is alive when there is none. Returns whether the record
// needs no further attempt.
bool RouteCache::step(const std::optional<RouteRecord>& record) {
  Status done = is_cut()      ? Status(Error{ErrorCode::unavailable, "cut off for a drill"})
                : connection_ ? Status(Done{})
                              : connect();
  if (done.ok()) {
    if (record) {
      done = write(*record);
      write_refused_ = !done.ok() && done.error().code == ErrorCode::refused;
    } else if (auto pong = connection_->command({"PING"}); !pong.ok()) {
      done = pong.error();
    } else if (!write_refused_) {
      note_up();
    }
  }
  if (done.ok()) {
    retry_ = kShortestRetry;
    return true;
  }
  note_failure(done.error());
  if (done.error().code != ErrorCode::refused) {
    connection_.reset();
    next_attempt_ = boot_now() + retry_;
    retry_ = std::min(retry_ * 2, kLongestRetry);
  }
  return false;
}

void RouteCache::cut(Instant until) {
  {
    const std::scoped_lock lock(mutex_);
    cut_until_ = until;
  }
  wake_.notify_all();
}

bool RouteCache::is_cut() const {
  const std::scoped_lock lock(mutex_);
  return cut_until_ != Instant::min() && boot_now() < cut_until_;
}

Status RouteCache::connect() {
  auto opened = RedisConnection::open(redis_, kCommandTimeout);
  if (!opened.ok()) return opened.error();
  connection_ = std::move(opened.value());
  script_hash_.clear();
  return Done{};
}

Status RouteCache::write(const RouteRecord& record) {
  if (record.epoch < highest_) {
    note_refused("Redis has shown epoch " + std::to_string(highest_.value) +
                 " already; a lower one is not written");
    return Done{};
  }
  auto time = connection_->command({"TIME"});
  if (!time.ok()) return time.error();
  auto redis_now_ms = redis_milliseconds(time.value());
  if (!redis_now_ms.ok()) return redis_now_ms.error();
  // Read after the reply: the way back makes the time left shorter than it is, never longer. A
  // key is still visible in the millisecond it expires in, hence one less.
  const Duration left = record.primary.empty() ? Duration{} : record.lease_end - boot_now();
  const std::int64_t expires_ms =
      *redis_now_ms + std::chrono::floor<std::chrono::milliseconds>(left).count() - 1;

  std::vector<std::string> arguments{"2",
                                     key_,
                                     history_key_,
                                     std::to_string(record.epoch.value),
                                     record.primary,
                                     std::to_string(expires_ms),
                                     announcement(record)};
  for (std::size_t i = 0; i < record.gateways.size(); ++i) {
    arguments.push_back(i == 0 ? "gateways" : "gateways:" + record.gateways[i].first);
    arguments.push_back(joined(record.gateways[i].second));
  }
  auto reply = run_script(std::move(arguments));
  if (!reply.ok()) return reply.error();
  return note_verdict(record, reply.value());
}

// By its hash; Redis forgets scripts when it restarts, and is then given the text again.
Result<RedisReply> RouteCache::run_script(std::vector<std::string> arguments) {
  if (script_hash_.empty()) {
    auto loaded = connection_->command({"SCRIPT", "LOAD", kRouteScript});
    if (!loaded.ok()) return loaded.error();
    script_hash_ = loaded.value().text;
  }
  arguments.insert(arguments.begin(), {"EVALSHA", script_hash_});
  auto reply = connection_->command(arguments);
  if (reply.ok() || !reply.error().message.starts_with("NOSCRIPT")) return reply;
  arguments[0] = "EVAL";
  arguments[1] = kRouteScript;
  return connection_->command(arguments);
}

// Errors (ErrorCode::refused): Redis holds something else under our keys.
Status RouteCache::note_verdict(const RouteRecord& record, const RedisReply& reply) {
  const std::string verdict = reply.elements.empty() ? "" : reply.elements[0].text;
  const std::string epoch_text = reply.elements.size() < 2 ? "" : reply.elements[1].text;
  if (verdict == "type") {
    return Error{ErrorCode::refused, key_ + " or " + history_key_ +
                                         " is not what Regent made (a hash and a stream); " +
                                         "delete the foreign key"};
  }
  const Epoch shown = parse_epoch(epoch_text);
  highest_ = std::max(highest_, shown);
  note_up();
  {
    std::scoped_lock lock(mutex_);
    state_.epoch = shown;
  }
  if (verdict == "lower") {
    note_refused("Redis knows epoch " + epoch_text + ", which is higher than " +
                 std::to_string(record.epoch.value));
  } else if (verdict == "conflict") {
    note_refused("Redis knows another primary than " + record.primary + " in epoch " + epoch_text +
                 "; two clusters named alike on one Redis?");
  } else if (verdict == "late") {
    note_refused("the lease of epoch " + std::to_string(record.epoch.value) +
                 " was over before Redis ran the command");
  } else {
    std::scoped_lock lock(mutex_);
    state_.problem.clear();
  }
  return Done{};
}

void RouteCache::note_up() {
  std::scoped_lock lock(mutex_);
  if (state_.up) return;
  state_.up = true;
  state_.problem.clear();
  told_.clear();
  log_event(LogLevel::info, "route cache is up", {{"redis", redis_.text()}});
}

// One line for each reason since it was up last.
void RouteCache::note_failure(const Error& error) {
  std::scoped_lock lock(mutex_);
  state_.up = false;
  state_.problem = error.message;
  if (told_.size() >= kMaxTold || !told_.insert(error.message).second) return;
  log_event(LogLevel::warning, "route cache is down; requests are not affected",
            {{"redis", redis_.text()}, {"reason", error.message}});
}

void RouteCache::note_refused(const std::string& problem) {
  std::scoped_lock lock(mutex_);
  if (state_.problem == problem) return;
  state_.problem = problem;
  log_event(LogLevel::info, "route not mirrored", {{"redis", redis_.text()}, {"reason", problem}});
}

}  // namespace regent
