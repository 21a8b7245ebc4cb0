#include "gateway/worker.h"

#include <algorithm>
#include <csignal>
#include <utility>

#include "gateway/tcp_session.h"
#include "region/clock.h"

namespace regent {
namespace {

constexpr Duration kTick = std::chrono::milliseconds(100);
// Held requests are placed when the route changes; this catches what changes without it, such as a
// gateway of the primary region that refused a moment ago.
constexpr Duration kHeldTick = std::chrono::milliseconds(20);

// splice(2) into a connection that the other side has closed raises it.
void block_sigpipe() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
}

std::string thread_name(std::size_t index) {
  return "data plane " + std::to_string(index);
}

}  // namespace

Worker::Worker(PlaneShared& shared, std::size_t index, Events events)
    : shared_(shared),
      policy_(shared.topology, shared.self),
      events_(std::move(events)),
      loop_(thread_name(index)),
      pool_(loop_, shared.topology, shared.self, shared.credentials, index, events_.wake),
      context_(loop_, shared, index, pool_),
      sessions_(loop_, context_.observer, shared.totals.connections) {
  context_.connect_failed = events_.connect_failed;
  context_.eject = events_.eject;
  context_.held_added = [this] { arm_held_timer(); };
}

void Worker::set_table(std::shared_ptr<const ServiceTable> table, const Sockets& fresh) {
  table_ = std::move(table);
  pool_.set_table(*table_);
  context_.set_table(*table_);
  services_ = table_->ports();
  for (const auto& [port, socket] : fresh) {
    listeners_[port] = std::make_unique<Listener>(
        loop_, socket,
        [this, at = port](Poco::Net::StreamSocket peer) { accept_at(at, std::move(peer)); });
  }
  std::erase_if(listeners_, [this](const auto& item) { return !services_.contains(item.first); });
  sessions_.for_each([](Session& session) { session.services_changed(); });
  pool_.serve_waiting();
}

void Worker::accept_at(std::uint16_t port, Poco::Net::StreamSocket socket) {
  const std::uint32_t number = services_.at(port);
  const ServiceEntry& service = table_->services[number];
  std::optional<Stream::Tls> tls;
  if (service.tls) tls = Stream::Tls{service.tls->context(), {}, ""};
  if (service.settings->protocol == Protocol::tcp) {
    return accept_tcp(std::move(socket), number, std::move(tls));
  }
  accept(std::move(socket), {number, service.tls != nullptr}, std::move(tls));
}

void Worker::listen_forward(Poco::Net::StreamSocket listening) {
  forward_ =
      std::make_unique<Listener>(loop_, std::move(listening), [this](Poco::Net::StreamSocket peer) {
        auto check = [this](const Identity& identity) { return judge_peer(identity); };
        accept(std::move(peer), {std::nullopt, true},
               Stream::Tls{shared_.credentials.current()->server, std::move(check), ""});
      });
}

Status Worker::judge_peer(const Identity& peer) {
  const auto known = policy_.may_connect(peer);
  if (!known) return known.error();
  const std::vector<RegionId>& cut = context_.route.get().cut;
  if (std::ranges::count(cut, policy_.region_of(*known)) > 0) {
    return Error{ErrorCode::refused, "this gateway is cut off from there for a drill"};
  }
  return Done{};
}

void Worker::accept(Poco::Net::StreamSocket socket, HttpSession::Entry entry,
                    std::optional<Stream::Tls> tls) {
  // At the limit a connection is closed as soon as it is accepted.
  if (!sessions_.reserve(context_.limits.max_clients)) return;
  auto session = std::make_unique<HttpSession>(context_, sessions_, entry);
  HttpSession& opened = *session;
  sessions_.add(std::move(session));
  opened.open(std::move(socket), std::move(tls));
}

void Worker::accept_tcp(Poco::Net::StreamSocket socket, std::uint32_t service,
                        std::optional<Stream::Tls> tls) {
  if (!sessions_.reserve(context_.limits.max_clients)) return;
  auto session = std::make_unique<TcpSession>(context_, sessions_, service);
  TcpSession& opened = *session;
  sessions_.add(std::move(session));
  opened.open(std::move(socket), std::move(tls));
}

void Worker::start() {
  // Before the first connection, whose time limits count from it.
  context_.tick_now = boot_now();
  loop_.post([this] {
    block_sigpipe();
    tick();
  });
  loop_.start();
}

void Worker::route_changed() {
  context_.tick_now = boot_now();
  context_.rights.check();
  sessions_.for_each([this](Session& session) {
    if (context_.cut_off_from(session.peer_region)) return session.cut_off();
    session.tick(context_.tick_now);
  });
  retry_held(true);
}

void Worker::backend_changed(std::uint32_t destination, bool healthy) {
  if (!healthy) pool_.close_idle(destination);
  pool_.serve_waiting();
}

void Worker::set_address(std::uint32_t destination, const Poco::Net::SocketAddress& address) {
  pool_.set_address(destination, address);
}

void Worker::tick() {
  const Instant now = boot_now();
  context_.tick_now = now;
  sessions_.for_each([now](Session& session) { session.tick(now); });
  pool_.expire_idle(now);
  if (!context_.stopping) pool_.keep_ready(now, context_.route.get().lost);
  pool_.serve_waiting();
  if (context_.stopping && sessions_.size() == 0) events_.ended();
  loop_.after(kTick, [this] { tick(); });
}

void Worker::arm_held_timer() {
  if (std::exchange(held_timer_, true)) return;
  loop_.after(kHeldTick, [this] {
    held_timer_ = false;
    retry_held(false);
    if (!context_.held.empty()) arm_held_timer();
  });
}

void Worker::retry_held(bool route_changed) {
  if (context_.held.empty()) return;
  const Instant now = boot_now();
  // An exchange that ends in here is destroyed by a later event, so the pointers stay good.
  for (HttpExchange* exchange : context_.held.all()) {
    exchange->retry(now, route_changed);
  }
}

void Worker::wind_down() {
  context_.stopping = true;
  sessions_.for_each([](Session& session) { session.wind_down(); });
  // Whoever has connected already is still served one request; closing would reset the connection.
  for (const auto& [port, listener] : listeners_) listener->accept_waiting();
  if (forward_) forward_->accept_waiting();
  listeners_.clear();
  forward_.reset();
}

void Worker::cut_off() {
  sessions_.for_each([](Session& session) { session.cut_off(); });
  pool_.close_idle();
}

}  // namespace regent
