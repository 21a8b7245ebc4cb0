#include "tests/bench/load/generator.h"

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <utility>

#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include "quorum/check.h"
#include "region/stream.h"

namespace regent::load {
namespace {

namespace http = boost::beast::http;

constexpr Duration kTick = std::chrono::milliseconds(1);
constexpr Duration kTimeoutTick = std::chrono::milliseconds(100);

// Puts the calling thread into a network namespace as long as it lives.
class InNetwork {
 public:
  explicit InNetwork(const std::string& name) {
    if (name.empty()) return;
    home_ = ::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    const int there = ::open(("/run/netns/" + name).c_str(), O_RDONLY | O_CLOEXEC);
    CHECK(home_ >= 0 && there >= 0 && ::setns(there, CLONE_NEWNET) == 0);
    ::close(there);
  }
  ~InNetwork() {
    if (home_ < 0) return;
    CHECK(::setns(home_, CLONE_NEWNET) == 0);
    ::close(home_);
  }
  InNetwork(const InNetwork&) = delete;
  InNetwork& operator=(const InNetwork&) = delete;

 private:
  int home_ = -1;
};

// The text after `"error":"` in an answer's body.
std::string error_code(const std::string& body) {
  static constexpr std::string_view kName = "\"error\":\"";
  const std::size_t at = body.find(kName);
  if (at == std::string::npos) return {};
  const std::size_t from = at + kName.size();
  return body.substr(from, body.find('"', from) - from);
}

}  // namespace

// One connection.
class Generator::Client final : private Stream::Handler {
 public:
  Client(Generator& owner, std::uint32_t gateway) : owner_(owner), gateway_(gateway) {
    const Target& target = owner.plan_.gateways[gateway];
    const InNetwork here(target.network);
    stream_ = Stream::connect(owner.loop_, target.address, std::nullopt, std::nullopt, *this);
  }

  void send(std::size_t index, const std::string& prefix) {
    index_ = index;
    parser_.emplace();
    const Write& write = owner_.writes_[index];
    const std::string id = prefix + "-" + std::to_string(write.number);
    const std::string body = "{\"id\":\"" + id + "\"}";
    std::string head = "POST /orders HTTP/1.1\r\nHost: " +
                       owner_.plan_.gateways[gateway_].address.toString() +
                       "\r\nContent-Type: application/json\r\nContent-Length: " +
                       std::to_string(body.size()) + "\r\n";
    if (write.has_key) head += "Idempotency-Key: " + id + "\r\n";
    stream_->write(head + "\r\n" + body);
  }

  Write& write() { return owner_.writes_[*index_]; }
  std::uint32_t gateway() const { return gateway_; }
  Clients::iterator place;

  void end(Outcome outcome, std::string error, bool reusable) {
    Write& done = write();
    done.outcome = outcome;
    done.answered_ns = monotonic_ns();
    done.error = std::move(error);
    index_.reset();
    if (++used_ == owner_.plan_.uses) reusable = false;
    if (!reusable) stream_.reset();
    owner_.finish(*this, reusable);
  }

 private:
  void on_open() override { opened_ = true; }

  void on_data(std::span<const std::byte> data) override {
    if (!index_) return drop();  // an answer that nobody has asked for
    boost::system::error_code error;
    const char* bytes = reinterpret_cast<const char*>(data.data());
    std::size_t used = 0;
    while (used < data.size() && !parser_->is_done() && !error) {
      used += parser_->put(boost::asio::buffer(bytes + used, data.size() - used), error);
    }
    if (error && error != http::error::need_more) {
      return end(Outcome::lost, "malformed answer: " + error.message(), false);
    }
    if (parser_->is_done()) answered(used == data.size());
  }

  void on_end() override { over("the connection was closed"); }
  void on_drained() override {}
  void on_closed(const Error& reason) override { over(reason.message); }

  void answered(bool nothing_left) {
    const auto& answer = parser_->get();
    Write& done = write();
    done.status = answer.result_int();
    const auto epoch = answer["Regent-Epoch"];
    std::from_chars(epoch.data(), epoch.data() + epoch.size(), done.epoch);
    done.region = std::string(answer["Regent-Region"]);
    const bool reusable = nothing_left && answer.keep_alive();
    if (done.status / 100 == 2) return end(Outcome::acknowledged, {}, reusable);
    const bool unknown = answer.body().find("\"outcome\":\"unknown\"") != std::string::npos;
    end(unknown ? Outcome::unknown : Outcome::refused, error_code(answer.body()), reusable);
  }

  void over(const std::string& why) {
    if (!index_) return drop();
    end(opened_ ? Outcome::lost : Outcome::unreachable, why, false);
  }

  void drop() {
    stream_.reset();
    owner_.gone_.splice(owner_.gone_.end(), owner_.gateways_[gateway_].idle, place);
  }

  Generator& owner_;
  const std::uint32_t gateway_;
  std::unique_ptr<Stream> stream_;
  std::optional<http::response_parser<http::string_body>> parser_;
  std::optional<std::size_t> index_;  // of the write it waits for
  bool opened_ = false;
  std::size_t used_ = 0;
};

Generator::Generator(EventLoop& loop, Plan plan)
    : loop_(loop), plan_(std::move(plan)), gateways_(plan_.gateways.size()) {}

Generator::~Generator() = default;

void Generator::start(std::function<void()> ended) {
  ended_ = std::move(ended);
  began_ns_ = monotonic_ns();
  send_due();
  watch_time();
}

void Generator::stop() {
  stopping_ = true;
  end_when_done();
}

void Generator::send_due() {
  gone_.clear();
  if (stopping_) return;
  const double elapsed = static_cast<double>(monotonic_ns() - began_ns_) / 1e9;
  const auto due = static_cast<std::size_t>(std::floor(elapsed * plan_.rate)) + 1;
  while (writes_.size() < due) {
    send(static_cast<std::uint32_t>(writes_.size() % gateways_.size()));
  }
  loop_.after(kTick, [this] { send_due(); });
}

void Generator::send(std::uint32_t number) {
  Write write;
  write.number = writes_.size();
  write.gateway = number;
  // Whole rounds of the gateways take turns, so that each gets both kinds.
  const bool odd = writes_.size() / gateways_.size() % 2 == 1;
  write.has_key = plan_.keys == Keys::all || (plan_.keys == Keys::half && odd);
  write.due_ns = began_ns_ + static_cast<std::int64_t>(
                                 static_cast<double>(writes_.size()) / plan_.rate * 1e9);
  write.answered_ns = write.due_ns;
  writes_.push_back(write);
  Gateway& gateway = gateways_[number];
  if (gateway.busy.size() >= plan_.max_outstanding) return;
  const bool short_of = gateway.idle.size() + gateway.busy.size() < plan_.connections;
  if (gateway.idle.empty() || short_of) {
    gateway.idle.push_front(std::make_unique<Client>(*this, number));
    gateway.idle.front()->place = gateway.idle.begin();
  }
  // The one that has rested longest when all are to be kept busy, else the one that rested least.
  const bool by_turns = plan_.connections > 0 && !short_of;
  Client& client = by_turns ? *gateway.idle.back() : *gateway.idle.front();
  gateway.busy.splice(gateway.busy.end(), gateway.idle, client.place);
  ++outstanding_;
  client.send(writes_.size() - 1, plan_.prefix);
}

// `busy` is in the order of sending, so the oldest writes come first.
void Generator::watch_time() {
  gone_.clear();
  const std::int64_t limit = monotonic_ns() - plan_.timeout.count();
  for (Gateway& gateway : gateways_) {
    while (!gateway.busy.empty() && gateway.busy.front()->write().due_ns < limit) {
      gateway.busy.front()->end(Outcome::timed_out, "no answer in time", false);
    }
  }
  loop_.after(kTimeoutTick, [this] { watch_time(); });
}

void Generator::finish(Client& client, bool reusable) {
  Gateway& gateway = gateways_[client.gateway()];
  if (reusable) {
    gateway.idle.splice(gateway.idle.begin(), gateway.busy, client.place);
  } else {
    gone_.splice(gone_.end(), gateway.busy, client.place);
  }
  --outstanding_;
  end_when_done();
}

void Generator::end_when_done() {
  if (stopping_ && outstanding_ == 0 && ended_) std::exchange(ended_, nullptr)();
}

}  // namespace regent::load
