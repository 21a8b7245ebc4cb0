#include "region/resolver.h"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>

#include <Poco/Exception.h>
#include <Poco/Net/IPAddress.h>

namespace regent {

std::optional<Poco::Net::SocketAddress> literal_address(const std::string& host,
                                                        std::uint16_t port) {
  Poco::Net::IPAddress ip;
  if (!Poco::Net::IPAddress::tryParse(host, ip)) return std::nullopt;
  return Poco::Net::SocketAddress(ip, port);
}

Result<Poco::Net::SocketAddress> resolve(const Address& address) {
  if (const auto literal = literal_address(address.host, address.port)) return *literal;
  try {
    return Poco::Net::SocketAddress(address.host, address.port);
  } catch (const Poco::Exception& exception) {
    return Error{ErrorCode::invalid,
                 "cannot find the host '" + address.host + "': " + exception.displayText()};
  }
}

struct Resolver::Shared {
  struct Job {
    Address address;
    Callback callback;
  };
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<Job> jobs;
  EventLoop* loop = nullptr;  // null once the Resolver is gone
  bool started = false;
};

namespace {

// A lookup can hang for many seconds inside the C library, so nobody waits for this thread: it
// shares what it needs and ends when it next looks at it.
template <typename Shared>
void serve(const std::shared_ptr<Shared>& shared) {
  std::unique_lock lock(shared->mutex);
  while (true) {
    shared->changed.wait(lock, [&] { return shared->loop == nullptr || !shared->jobs.empty(); });
    if (shared->loop == nullptr) return;
    auto job = std::move(shared->jobs.front());
    shared->jobs.pop_front();
    lock.unlock();
    auto found = resolve(job.address);
    lock.lock();
    if (shared->loop == nullptr) return;
    shared->loop->post([shared, callback = std::move(job.callback), result = std::move(found)] {
      {
        const std::scoped_lock alive(shared->mutex);
        if (shared->loop == nullptr) return;
      }
      callback(result);
    });
  }
}

}  // namespace

Resolver::Resolver(EventLoop& loop) : shared_(std::make_shared<Shared>()) {
  shared_->loop = &loop;
}

Resolver::~Resolver() {
  const std::scoped_lock lock(shared_->mutex);
  shared_->loop = nullptr;
  shared_->jobs.clear();
  shared_->changed.notify_all();
}

void Resolver::find(const Address& address, Callback callback) {
  if (const auto literal = literal_address(address.host, address.port)) return callback(*literal);
  const std::scoped_lock lock(shared_->mutex);
  shared_->jobs.push_back({address, std::move(callback)});
  if (!std::exchange(shared_->started, true)) {
    std::thread([shared = shared_] { serve(shared); }).detach();
  }
  shared_->changed.notify_all();
}

}  // namespace regent
