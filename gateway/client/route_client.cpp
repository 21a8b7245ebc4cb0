#include "gateway/client/route_client.h"

#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <csignal>
#include <mutex>
#include <thread>

#include "gateway/client/route_finder.h"
#include "region/clock.h"
#include "security/credential_files.h"

namespace regent::client {
namespace {

// The clock of the lease counts through suspend; that of a wait does not.
constexpr Duration kLongestSleep = std::chrono::seconds(1);

Result<std::vector<Endpoint>> endpoints(const std::string& option,
                                        const std::vector<std::string>& texts) {
  if (texts.size() > RouteClient::kMaxServers) {
    return Error{ErrorCode::invalid,
                 option + ": at most " + std::to_string(RouteClient::kMaxServers) + " addresses"};
  }
  std::vector<Endpoint> found;
  for (const std::string& text : texts) {
    auto endpoint = parse_endpoint(text);
    if (!endpoint.ok()) {
      return Error{ErrorCode::invalid, option + ": " + endpoint.error().message};
    }
    found.push_back(std::move(*endpoint));
  }
  return found;
}

Result<FinderOptions> checked(const RouteClient::Options& options) {
  const auto invalid = [](const std::string& what) { return Error{ErrorCode::invalid, what}; };
  if (options.cluster.empty()) return invalid("cluster: must not be empty");
  if (options.redis.empty() && options.gateways.empty()) {
    return invalid("redis, gateways: at least one address is needed");
  }
  for (const Duration timeout : {options.redis_timeout, options.gateway_timeout}) {
    if (timeout <= Duration{} || timeout > RouteClient::kLongestTimeout) {
      return invalid("redis_timeout, gateway_timeout: must be more than nothing, at most a minute");
    }
  }
  auto redis = endpoints("redis", options.redis);
  if (!redis.ok()) return redis.error();
  auto gateways = endpoints("gateways", options.gateways);
  if (!gateways.ok()) return gateways.error();
  if (!gateways->empty()) {
    if (options.ca_file.empty()) {
      return invalid("ca_file: must name the cluster's ca.crt, which tells a gateway from others");
    }
    const auto authority = load_authority(options.ca_file);
    if (!authority.ok()) return invalid("ca_file: " + authority.error().message);
  }
  return FinderOptions{options.cluster, std::move(*redis),     std::move(*gateways),
                       options.ca_file, options.redis_timeout, options.gateway_timeout};
}

// Writing to a connection that the other side has closed must not end the process.
void block_sigpipe() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
}

}  // namespace

std::string RouteClientState::problem() const {
  std::string text;
  for (const Source& source : sources) {
    if (source.problem.empty()) continue;
    text += (text.empty() ? "" : "; ") + source.name + ": " + source.problem;
  }
  return text;
}

struct RouteClient::Shared {
  Shared(const FinderOptions& options, std::function<void(const RouteView&)> callback)
      : on_change(std::move(callback)),
        finder(options, cell, [this](bool has_changed, RouteClientState found) {
          take(has_changed, std::move(found));
        }) {}
  ~Shared() {
    if (stop_fd >= 0) close(stop_fd);
  }
  Shared(const Shared&) = delete;
  Shared& operator=(const Shared&) = delete;

  void take(bool has_changed, RouteClientState found) {
    {
      std::scoped_lock lock(mutex);
      state = std::move(found);
    }
    if (!has_changed) return;
    changed.notify_all();
    if (on_change) on_change(cell.look(boot_now()));
  }

  void run() {
    block_sigpipe();
    pthread_setname_np(pthread_self(), "route-client");
    finder.run(stop_fd);
  }

  RouteCell cell;
  const std::function<void(const RouteView&)> on_change;
  mutable std::mutex mutex;
  std::condition_variable changed;
  RouteClientState state;
  const int stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  RouteFinder finder;
  std::thread thread;
};

Result<std::unique_ptr<RouteClient>> RouteClient::start(Options options) {
  const auto good = checked(options);
  if (!good.ok()) return good.error();
  auto shared = std::make_unique<Shared>(*good, std::move(options.on_change));
  if (shared->stop_fd < 0) return Error{ErrorCode::io, "no file descriptor is left"};
  return std::unique_ptr<RouteClient>(new RouteClient(std::move(shared)));
}

RouteClient::RouteClient(std::unique_ptr<Shared> shared) : shared_(std::move(shared)) {
  shared_->thread = std::thread([state = shared_.get()] { state->run(); });
}

RouteClient::~RouteClient() {
  eventfd_write(shared_->stop_fd, 1);
  shared_->thread.join();
}

RouteView RouteClient::route() const {
  return shared_->cell.look(boot_now());
}

Result<RouteView> RouteClient::wait(Duration limit, Epoch above) const {
  const Instant begin = boot_now();
  const Instant end = limit < kNever - begin ? begin + limit : kNever;
  std::unique_lock lock(shared_->mutex);
  while (true) {
    RouteView view = route();
    if (view && view->epoch > above) return view;
    const Instant now = boot_now();
    if (now >= end) break;
    shared_->changed.wait_for(lock, std::min(end - now, kLongestSleep));
  }
  const std::string wanted =
      above == Epoch{} ? "no route" : "no route above epoch " + std::to_string(above.value);
  const std::string problem = shared_->state.problem();
  return Error{ErrorCode::timed_out, wanted + " yet" + (problem.empty() ? "" : ": " + problem)};
}

RouteClientState RouteClient::state() const {
  std::scoped_lock lock(shared_->mutex);
  return shared_->state;
}

}  // namespace regent::client
