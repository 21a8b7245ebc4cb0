#include "tests/unit/gateway/proxy_peers.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>

#include <gtest/gtest.h>

namespace regent::test {
namespace {

constexpr int kWaitMs = 10'000;
constexpr int kStallMs = 300;

sockaddr_in address_of(const std::string& host, std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  inet_pton(AF_INET, host.c_str(), &address.sin_addr);
  return address;
}

int listening(const std::string& host, std::uint16_t& port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address = address_of(host, 0);
  EXPECT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  EXPECT_EQ(::listen(fd, 64), 0);
  socklen_t size = sizeof address;
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  port = ntohs(address.sin_port);
  return fd;
}

bool wait_for(int fd, short events, int limit_ms) {
  pollfd wait{fd, events, 0};
  return ::poll(&wait, 1, limit_ms) > 0;
}

// A header's value in a head, or "".
std::string header_in(const std::string& head, std::string name) {
  const auto lower = [](std::string text) {
    std::transform(text.begin(), text.end(), text.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return text;
  };
  const std::size_t found = lower(head).find("\r\n" + lower(std::move(name)) + ": ");
  if (found == std::string::npos) return "";
  const std::size_t value = head.find(": ", found) + 2;
  return head.substr(value, head.find("\r\n", value) - value);
}

}  // namespace

Peer::~Peer() {
  close();
}

void Peer::close() {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

void Peer::half_close() {
  ::shutdown(fd_, SHUT_WR);
}

void Peer::reset() {
  // Unlike closing, this also works while another descriptor of the socket is open.
  const sockaddr nowhere{AF_UNSPEC, {}};
  ::connect(fd_, &nowhere, sizeof nowhere);
  close();
}

std::uint16_t Peer::local_port() const {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  ::getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size);
  return ntohs(address.sin_port);
}

bool Peer::send(const std::string& data) {
  std::size_t sent = 0;
  while (sent < data.size()) {
    if (!wait_for(fd_, POLLOUT, kWaitMs)) return false;
    const ssize_t put =
        ::send(fd_, data.data() + sent, data.size() - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (put < 0 && errno != EAGAIN) return false;
    if (put > 0) sent += static_cast<std::size_t>(put);
  }
  return true;
}

std::size_t Peer::send_until_stalled(const std::string& data) {
  std::size_t sent = 0;
  while (sent < data.size() && wait_for(fd_, POLLOUT, kStallMs)) {
    const ssize_t put =
        ::send(fd_, data.data() + sent, data.size() - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (put <= 0) break;
    sent += static_cast<std::size_t>(put);
  }
  return sent;
}

bool Peer::fill() {
  if (fd_ < 0 || !wait_for(fd_, POLLIN, kWaitMs)) return false;
  char buffer[65536];
  const ssize_t got = ::recv(fd_, buffer, sizeof buffer, 0);
  error_ = got < 0 ? errno : 0;
  ended_ = got <= 0;
  if (got <= 0) return false;
  in_.append(buffer, static_cast<std::size_t>(got));
  return true;
}

std::string Peer::read_head() {
  while (in_.find("\r\n\r\n") == std::string::npos) {
    if (!fill()) return "";
  }
  const std::size_t length = in_.find("\r\n\r\n") + 4;
  const std::string head = in_.substr(0, length);
  in_.erase(0, length);
  return head;
}

std::string Peer::read(std::size_t count) {
  while (in_.size() < count && fill()) {
  }
  const std::string data = in_.substr(0, count);
  in_.erase(0, data.size());
  return data;
}

std::string Peer::read_chunks() {
  std::string data;
  while (true) {
    while (in_.find("\r\n") == std::string::npos) {
      if (!fill()) return data + "<cut>";
    }
    const std::size_t size = std::stoul(in_, nullptr, 16);
    in_.erase(0, in_.find("\r\n") + 2);
    const std::string chunk = read(size + 2);
    if (chunk.size() < size + 2) return data + "<cut>";
    if (size == 0) return data;
    data += chunk.substr(0, size);
  }
}

std::string Peer::read_to_end() {
  while (fill()) {
  }
  return std::exchange(in_, {}) + (ended_ ? "" : "<no end>");
}

std::string Peer::read_message() {
  const std::string head = read_head();
  if (head.empty()) return "";
  const std::string length = header_in(head, "Content-Length");
  if (!length.empty()) return head + read(std::stoul(length));
  if (!header_in(head, "Transfer-Encoding").empty()) return head + read_chunks();
  return head;
}

bool Peer::at_end() {
  return in_.empty() && !fill() && ended_;
}

std::string Response::header(const std::string& name) const {
  return header_in(head, name);
}

Client::Client(const std::string& host, std::uint16_t port)
    : Peer([&] {
        const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        const sockaddr_in address = address_of(host, port);
        EXPECT_EQ(::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
        return fd;
      }()) {}

Client Client::insistent(const std::string& host, std::uint16_t port) {
  const sockaddr_in address = address_of(host, port);
  int fd = -1;
  EXPECT_TRUE(eventually([&] {
    if (fd >= 0) ::close(fd);
    fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  }));
  return Client(fd);
}

Response Client::read_response(bool to_head) {
  Response response;
  response.head = read_head();
  if (response.head.size() < 12) return response;
  response.status = static_cast<unsigned>(std::stoul(response.head.substr(9, 3)));
  if (to_head || response.status < 200 || response.status == 204 || response.status == 304) {
    return response;
  }
  const std::string length = response.header("Content-Length");
  if (!length.empty()) {
    response.body = read(std::stoul(length));
  } else if (!response.header("Transfer-Encoding").empty()) {
    response.body = read_chunks();
  } else {
    response.body = read_to_end();
  }
  return response;
}

Response Client::get(const std::string& path, const std::string& headers) {
  send("GET " + path + " HTTP/1.1\r\nHost: shop\r\n" + headers + "\r\n");
  return read_response();
}

Response Client::post(const std::string& path, const std::string& body,
                      const std::string& headers) {
  send("POST " + path + " HTTP/1.1\r\nHost: shop\r\nContent-Length: " +
       std::to_string(body.size()) + "\r\n" + headers + "\r\n" + body);
  return read_response();
}

Backend::Backend(const std::string& host, Script script)
    : script_(std::move(script)), fd_(listening(host, port_)) {
  acceptor_ = std::thread([this] { accept_all(); });
}

Backend::~Backend() {
  ::shutdown(fd_, SHUT_RDWR);
  acceptor_.join();
  ::close(fd_);
  {
    const std::scoped_lock lock(mutex_);
    for (const int socket : sockets_) ::shutdown(socket, SHUT_RDWR);
  }
  for (std::thread& thread : threads_) thread.join();
  for (const int socket : sockets_) ::close(socket);
}

void Backend::accept_all() {
  while (true) {
    const int socket = ::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC);
    if (socket < 0) return;
    const std::scoped_lock lock(mutex_);
    sockets_.push_back(::dup(socket));
    threads_.emplace_back([this, socket] {
      Peer peer(socket);
      char byte = 0;
      // A health check connects and says nothing.
      if (::recv(socket, &byte, 1, MSG_PEEK) <= 0) return;
      ++connections_;
      script_(peer);
      ::shutdown(socket, SHUT_RDWR);
    });
  }
}

void Log::add(std::string text) {
  const std::scoped_lock lock(mutex_);
  texts_.push_back(std::move(text));
}

std::vector<std::string> Log::all() const {
  const std::scoped_lock lock(mutex_);
  return texts_;
}

Backend::Script answer_ok(Log& log) {
  return [&log](Peer& peer) {
    while (true) {
      std::string request = peer.read_message();
      if (request.empty()) return;
      log.add(std::move(request));
      if (!peer.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")) return;
    }
  };
}

std::string host(Host which) {
  const auto pid = static_cast<unsigned>(::getpid());
  return "127." + std::to_string(100 + (pid / 16128) % 100) + "." +
         std::to_string((pid / 63) % 256) + "." +
         std::to_string((pid % 63) * 4 + 1 + static_cast<unsigned>(which));
}

std::uint16_t free_port(const std::string& host) {
  std::uint16_t port = 0;
  ::close(listening(host, port));
  return port;
}

bool eventually(const std::function<bool()>& condition) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(kWaitMs);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::microseconds(200));
  }
  return true;
}

}  // namespace regent::test
