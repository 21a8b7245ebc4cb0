// What it costs to relay bulk between two plain TCP connections on loopback: by splice(2) through a
// SplicePipe, as a tunnel does, and by reading and writing. CPU of the relaying thread only, in
// each iteration for kBytes; `per_GiB` is the figure to compare.
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <string>
#include <thread>

#include <arpa/inet.h>
#include <benchmark/benchmark.h>

#include "quorum/check.h"
#include "region/splice_pipe.h"

namespace {

constexpr std::size_t kBytes = 256 * 1024 * 1024;

struct Connection {
  int near = -1;
  int far = -1;
};

Connection connect_on_loopback() {
  const int listening = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* const any = reinterpret_cast<sockaddr*>(&address);
  CHECK(::bind(listening, any, size) == 0 && ::listen(listening, 1) == 0);
  CHECK(::getsockname(listening, any, &size) == 0);
  Connection made;
  made.near = ::socket(AF_INET, SOCK_STREAM, 0);
  CHECK(::connect(made.near, any, size) == 0);
  made.far = ::accept(listening, nullptr, nullptr);
  CHECK(made.far >= 0);
  ::close(listening);
  return made;
}

void relay_by_splice(int from, int to, std::size_t bytes) {
  const auto pipe = regent::SplicePipe::create();
  CHECK(pipe != nullptr);
  while (bytes > 0) {
    const ssize_t got = pipe->fill(from);
    if (got <= 0) continue;
    bytes -= static_cast<std::size_t>(got);
    while (pipe->size() > 0) CHECK(pipe->drain(to) > 0);
  }
}

void relay_by_copy(int from, int to, std::size_t bytes) {
  static std::array<char, 64 * 1024> buffer;
  while (bytes > 0) {
    const ssize_t got = ::recv(from, buffer.data(), buffer.size(), 0);
    CHECK(got > 0);
    bytes -= static_cast<std::size_t>(got);
    for (ssize_t put = 0; put < got;) {
      const ssize_t now = ::send(to, buffer.data() + put, static_cast<std::size_t>(got - put), 0);
      CHECK(now > 0);
      put += now;
    }
  }
}

double thread_seconds() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

void measure(benchmark::State& state, void (*relay)(int, int, std::size_t)) {
  const Connection source = connect_on_loopback();
  const Connection sink = connect_on_loopback();
  double seconds = 0;
  std::size_t moved = 0;
  for (auto _ : state) {
    std::thread sender([&] {
      const std::string data(1024 * 1024, 'x');
      for (std::size_t sent = 0; sent < kBytes;) {
        const std::size_t rest = std::min(data.size(), kBytes - sent);
        const ssize_t put = ::send(source.far, data.data(), rest, 0);
        CHECK(put > 0);
        sent += static_cast<std::size_t>(put);
      }
    });
    std::thread receiver([&] {
      std::string data(1024 * 1024, '\0');
      for (std::size_t read = 0; read < kBytes;) {
        const ssize_t got = ::recv(sink.far, data.data(), data.size(), 0);
        CHECK(got > 0);
        read += static_cast<std::size_t>(got);
      }
    });
    const double before = thread_seconds();
    relay(source.near, sink.near, kBytes);
    seconds += thread_seconds() - before;
    moved += kBytes;
    sender.join();
    receiver.join();
  }
  state.counters["per_GiB"] =
      seconds / (static_cast<double>(moved) / static_cast<double>(1024 * 1024 * 1024));
  for (const int fd : {source.near, source.far, sink.near, sink.far}) ::close(fd);
}

void splice(benchmark::State& state) {
  measure(state, relay_by_splice);
}
void read_and_write(benchmark::State& state) {
  measure(state, relay_by_copy);
}
BENCHMARK(splice)->Unit(benchmark::kMillisecond);
BENCHMARK(read_and_write)->Unit(benchmark::kMillisecond);

}  // namespace

BENCHMARK_MAIN();
