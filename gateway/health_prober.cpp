#include "gateway/health_prober.h"

#include <algorithm>
#include <utility>

#include "region/log.h"
#include "region/stream.h"

namespace regent {
namespace {

constexpr std::size_t kMaxStatusLine = 1024;
// A check's time is counted in so many parts, each a timer of its own. A loop with too much to do
// comes late to its timers as it does to the answers; by one timer it would take its own lateness
// for the backend's, and an overload would end in no backend at all. So it has to be late, or the
// answer missing, in each of the parts.
constexpr int kTimeoutParts = 10;

}  // namespace

class HealthProber::Probe final : private Stream::Handler {
 public:
  Probe(HealthProber& owner, std::shared_ptr<DestinationState> backend, HealthCheck check)
      : backend_(std::move(backend)),
        health_(check.rise, check.fall),
        owner_(owner),
        check_(std::move(check)) {}
  ~Probe() override {
    owner_.loop_.cancel(timeout_);
    owner_.loop_.cancel(next_);
  }

  void begin() {
    next_ = 0;
    line_.clear();
    const auto& address = owner_.pool_.destination(backend_->id).address;
    if (!address) return end(false, "its address is not known");
    count_down(kTimeoutParts);
    stream_ = Stream::connect(owner_.loop_, *address, std::nullopt, std::nullopt, *this);
  }

  // From the next check on.
  void set_check(const HealthCheck& check) {
    health_.set_limits(check.rise, check.fall);
    check_ = check;
  }

  const std::shared_ptr<DestinationState> backend_;
  HealthState health_;

 private:
  void count_down(int parts) {
    timeout_ = owner_.loop_.after(check_.timeout / kTimeoutParts, [this, parts] {
      timeout_ = 0;
      if (parts > 1) return count_down(parts - 1);
      end(false, "no answer in time");
    });
  }
  void on_open() override {
    if (check_.path.empty()) return end(true, {});
    stream_->write("GET " + check_.path + " HTTP/1.1\r\nHost: " + backend_->name +
                   "\r\nUser-Agent: regent-health\r\nConnection: close\r\n\r\n");
  }
  void on_data(std::span<const std::byte> data) override {
    line_.append(reinterpret_cast<const char*>(data.data()), data.size());
    const std::size_t line_end = line_.find("\r\n");
    if (line_end == std::string::npos) {
      if (line_.size() > kMaxStatusLine) end(false, "the answer is not HTTP");
      return;
    }
    line_.resize(line_end);
    // "HTTP/1.1 200 OK"
    const bool http = line_.starts_with("HTTP/1.") && line_.size() >= 12 && line_[8] == ' ';
    if (!http) return end(false, "the answer is not HTTP");
    const bool good = line_[9] == '2' || line_[9] == '3';
    end(good, "it answers \"" + line_.substr(9, 60) + "\"");
  }
  void on_end() override { end(false, "it closed the connection without an answer"); }
  void on_drained() override {}
  void on_closed(const Error& reason) override { end(false, reason.message); }

  void end(bool passed, const std::string& reason) {
    owner_.loop_.cancel(std::exchange(timeout_, 0));
    stream_.reset();
    next_ = owner_.loop_.after(check_.interval, [this] { begin(); });
    owner_.result(*this, passed, reason);
  }

  HealthProber& owner_;
  HealthCheck check_;
  std::unique_ptr<Stream> stream_;
  std::string line_;
  EventLoop::TimerId timeout_ = 0;
  EventLoop::TimerId next_ = 0;
};

HealthProber::HealthProber(EventLoop& loop, const BackendPool& pool, OnChange on_change)
    : loop_(loop), pool_(pool), on_change_(std::move(on_change)) {}

HealthProber::~HealthProber() = default;

void HealthProber::set_table(const ServiceTable& table) {
  std::vector<std::unique_ptr<Probe>> before = std::exchange(probes_, {});
  std::vector<Probe*> fresh;
  for (const ServiceEntry& entry : table.services) {
    for (const auto& backend : entry.backends) {
      const auto known = std::ranges::find_if(
          before, [&](const auto& probe) { return probe && probe->backend_ == backend; });
      if (known != before.end()) {
        (*known)->set_check(entry.settings->health);
        probes_.push_back(std::move(*known));
      } else {
        probes_.push_back(std::make_unique<Probe>(*this, backend, entry.settings->health));
        fresh.push_back(probes_.back().get());
      }
    }
  }
  for (Probe* probe : fresh) probe->begin();
}

void HealthProber::connect_failed(std::uint32_t destination) {
  for (const auto& probe : probes_) {
    if (probe->backend_->id == destination) result(*probe, false, "a request could not connect");
  }
}

void HealthProber::result(Probe& probe, bool passed, const std::string& reason) {
  const bool changed = passed ? probe.health_.passed() : probe.health_.failed();
  // In this order, for who looks at them in the other: see BackendPool::any_hopeful.
  if (changed) probe.backend_->healthy = passed;
  probe.backend_->checked = true;
  if (!changed) return;
  const std::string& name = probe.backend_->name;
  if (passed) {
    log_event(LogLevel::info, "backend is healthy", {{"address", name}});
  } else {
    log_event(LogLevel::warning, "backend is unhealthy", {{"address", name}, {"reason", reason}});
  }
  on_change_(probe.backend_->id, passed);
}

}  // namespace regent
