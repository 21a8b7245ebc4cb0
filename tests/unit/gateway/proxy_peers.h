#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

// Both ends of a proxied connection, written down byte by byte: a client and a backend over
// blocking sockets, with a time limit on every wait so that a failing test ends.
namespace regent::test {

// One TCP connection.
class Peer {
 public:
  explicit Peer(int fd) : fd_(fd) {}
  ~Peer();
  Peer(Peer&& other) noexcept
      : fd_(std::exchange(other.fd_, -1)), ended_(other.ended_), in_(std::move(other.in_)) {}
  Peer& operator=(Peer&&) = delete;

  bool send(const std::string& data);
  // Sends until the other side takes no more for a while; returns how much it took.
  std::size_t send_until_stalled(const std::string& data);
  // Everything up to and with the empty line; "" when the connection ended before.
  std::string read_head();
  std::string read(std::size_t count);  // less at the end of the connection
  std::string read_chunks();            // the data of a chunked body
  std::string read_to_end();            // and "<no end>" when none comes in time
  // A head and the body it announces.
  std::string read_message();
  bool at_end();  // waits for the next byte or the end; false as well when neither comes
  void reset();   // closes with RST
  void close();
  void half_close();
  bool ended() const { return ended_; }  // as the last read found
  int error() const { return error_; }  // errno of the last read that failed; 0: the stream's end
  std::uint16_t local_port() const;
  int descriptor() const { return fd_; }

 private:
  bool fill();
  int fd_;
  bool ended_ = false;
  int error_ = 0;
  std::string in_;
};

struct Response {
  unsigned status = 0;
  std::string head;
  std::string body;
  std::string header(const std::string& name) const;  // "" when missing
};

class Client : public Peer {
 public:
  Client(const std::string& host, std::uint16_t port);
  // Tries until somebody listens there.
  static Client insistent(const std::string& host, std::uint16_t port);
  // to_head: the answer to a HEAD request, which has no body.
  Response read_response(bool to_head = false);
  Response get(const std::string& path, const std::string& headers = "");
  Response post(const std::string& path, const std::string& body, const std::string& headers = "");

 private:
  using Peer::Peer;
};

// Runs a script for each connection that sends something. Counts connections and requests.
class Backend {
 public:
  using Script = std::function<void(Peer&)>;
  explicit Backend(const std::string& host, Script script);
  ~Backend();
  Backend(const Backend&) = delete;
  Backend& operator=(const Backend&) = delete;

  std::uint16_t port() const { return port_; }
  int connections() const { return connections_; }

 private:
  void accept_all();
  const Script script_;
  int fd_;
  std::uint16_t port_;
  std::atomic<int> connections_ = 0;
  std::mutex mutex_;  // guards the threads and their sockets
  std::vector<std::thread> threads_;
  std::vector<int> sockets_;
  std::thread acceptor_;
};

// The requests that reached a backend, in order.
class Log {
 public:
  void add(std::string text);
  std::vector<std::string> all() const;
  std::size_t size() const { return all().size(); }

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> texts_;
};

// A script that logs each request and answers it with 200 and "ok".
Backend::Script answer_ok(Log& log);

// Loopback addresses that only this process uses, so that test programs can run side by side.
enum class Host { east, west, backends, stranger };
std::string host(Host which);
std::uint16_t free_port(const std::string& host);
// Waits until the condition holds; false when it does not within ten seconds.
bool eventually(const std::function<bool()>& condition);

}  // namespace regent::test
