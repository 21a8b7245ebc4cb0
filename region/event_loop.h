#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include <Poco/Net/Socket.h>

#include "quorum/types.h"

namespace regent {

// What wants to know that a socket can be read or written. Called on the loop's thread. An
// exception that leaves a handler, task or timer ends the process: it is a mistake of ours.
class SocketHandler {
 public:
  virtual ~SocketHandler() = default;
  virtual void on_readable() = 0;
  virtual void on_writable() = 0;
  // An error on a socket that is watched for neither reading nor writing. With read or write
  // interest the error shows in the next read or write instead.
  virtual void on_socket_error() = 0;
};

// One thread that waits for its sockets (epoll(7)), timers and tasks from other threads. POCO's
// SocketReactor does the same through two trees of sockets, a list and a lock for each event, which
// took a tenth of a proxied message's CPU. Events are level-triggered: a handler that leaves bytes
// in the socket is called again.
// All methods except post(), stop() and in_loop_thread() belong to the loop's thread (or to the
// time before start() and after stop()).
class EventLoop {
 public:
  using Task = std::function<void()>;
  using TimerId = std::uint64_t;  // 0: no timer

  explicit EventLoop(std::string name);  // the thread's name, at most 15 characters
  ~EventLoop();                          // stops and joins
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  void start();
  void stop();           // any thread but the loop's; tasks not yet run are dropped
  void post(Task task);  // any thread; runs soon on the loop's thread, in order
  // Runs the task on the loop's thread and waits for its end; runs it right here when called on
  // the loop's thread, or when the loop is not running. Not while another thread calls stop().
  void run_and_wait(const Task& task);
  bool in_loop_thread() const;

  // Registers or changes interest. A handler must unwatch before it is destroyed; it may do so, and
  // may destroy itself, from inside its own callback. Unwatch comes before closing the socket.
  void watch(const Poco::Net::Socket& socket, SocketHandler& handler, bool read, bool write);
  void unwatch(const Poco::Net::Socket& socket);

  TimerId after(Duration delay, Task task);
  void cancel(TimerId timer);  // 0 and timers that already ran are ignored

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace regent
