#include "gateway/health_prober.h"

#include <utility>

#include "region/log.h"
#include "region/stream.h"

namespace regent {
namespace {

constexpr std::size_t kMaxStatusLine = 1024;

}  // namespace

class HealthProber::Probe final : private Stream::Handler {
 public:
  Probe(HealthProber& owner, std::uint32_t destination, const HealthCheck& check)
      : destination_(destination), health_(check.rise, check.fall), owner_(owner), check_(check) {}
  ~Probe() override {
    owner_.loop_.cancel(timeout_);
    owner_.loop_.cancel(next_);
  }

  void begin() {
    next_ = 0;
    line_.clear();
    const auto& backend = owner_.pool_.destination(destination_);
    if (!backend.address) return end(false, "its address is not known");
    timeout_ = owner_.loop_.after(check_.timeout, [this] {
      timeout_ = 0;
      end(false, "no answer in time");
    });
    stream_ = Stream::connect(owner_.loop_, *backend.address, std::nullopt, std::nullopt, *this);
  }

  const std::uint32_t destination_;
  HealthState health_;

 private:
  void on_open() override {
    if (check_.path.empty()) return end(true, {});
    stream_->write("GET " + check_.path +
                   " HTTP/1.1\r\nHost: " + owner_.pool_.destination(destination_).name +
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
  const HealthCheck& check_;
  std::unique_ptr<Stream> stream_;
  std::string line_;
  EventLoop::TimerId timeout_ = 0;
  EventLoop::TimerId next_ = 0;
};

HealthProber::HealthProber(EventLoop& loop, BackendPool& pool, const Topology& topology,
                           OnChange on_change)
    : loop_(loop), pool_(pool), on_change_(std::move(on_change)) {
  for (std::uint32_t service = 0; service < topology.services.size(); ++service) {
    for (const std::uint32_t backend : pool.backends(service)) {
      probes_.push_back(std::make_unique<Probe>(*this, backend, topology.services[service].health));
    }
  }
}

HealthProber::~HealthProber() = default;

void HealthProber::start() {
  for (const auto& probe : probes_) probe->begin();
}

void HealthProber::connect_failed(std::uint32_t destination) {
  for (const auto& probe : probes_) {
    if (probe->destination_ == destination) result(*probe, false, "a request could not connect");
  }
}

void HealthProber::result(Probe& probe, bool passed, const std::string& reason) {
  const bool changed = passed ? probe.health_.passed() : probe.health_.failed();
  if (!changed) return;
  const std::string& name = pool_.destination(probe.destination_).name;
  if (passed) {
    log_event(LogLevel::info, "backend is healthy", {{"address", name}});
  } else {
    log_event(LogLevel::warning, "backend is unhealthy", {{"address", name}, {"reason", reason}});
  }
  pool_.set_healthy(probe.destination_, passed);
  on_change_(probe.destination_, passed);
}

}  // namespace regent
