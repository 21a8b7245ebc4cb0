#include "redis_fixture.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <hiredis/hiredis.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "region/clock.h"

namespace regent::test {
namespace {

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

// A listening socket on a free port, which is returned too.
int listen_anywhere(std::uint16_t& port) {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = loopback(0);
  socklen_t length = sizeof address;
  EXPECT_EQ(bind(socket, reinterpret_cast<sockaddr*>(&address), length), 0);
  EXPECT_EQ(listen(socket, 16), 0);
  getsockname(socket, reinterpret_cast<sockaddr*>(&address), &length);
  port = ntohs(address.sin_port);
  return socket;
}

std::uint16_t free_port() {
  std::uint16_t port = 0;
  close(listen_anywhere(port));
  return port;
}

}  // namespace

bool eventually(const std::function<bool()>& condition, Duration limit) {
  const Instant end = boot_now() + limit;
  while (!condition()) {
    if (boot_now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return true;
}

RedisServer::RedisServer(std::vector<std::string> options) : options_(std::move(options)) {
  std::string pattern = (std::filesystem::temp_directory_path() / "regent-redis-XXXXXX").string();
  dir_ = mkdtemp(pattern.data());
  address_ = {"127.0.0.1", free_port()};
  start();
}

RedisServer::~RedisServer() {
  kill();
  std::filesystem::remove_all(dir_);
}

void RedisServer::start() {
  // Somebody else may take the port between the look and the start; then another one is tried.
  for (int attempt = 0; attempt < 5; ++attempt) {
    std::vector<std::string> words{"redis-server", "--port",    std::to_string(address_.port),
                                   "--bind",       "127.0.0.1", "--dir",
                                   dir_.string(),  "--save",    "",
                                   "--appendonly", "no"};
    words.insert(words.end(), options_.begin(), options_.end());
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    pid_ = fork();
    if (pid_ == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      const int null = open("/dev/null", O_RDWR);
      dup2(null, STDOUT_FILENO);
      execvp(arguments[0], arguments.data());
      // Debian's redis-tools has the program under this name alone.
      execv("/usr/bin/redis-check-rdb", arguments.data());
      _exit(127);
    }
    if (eventually([this] { return answers() || waitpid(pid_, nullptr, WNOHANG) == pid_; }) &&
        answers()) {
      return;
    }
    kill();
    address_.port = free_port();
  }
  ADD_FAILURE() << "redis-server does not start";
}

bool RedisServer::answers() {
  auto opened = RedisConnection::open(address_, std::chrono::seconds(5));
  if (!opened.ok()) return false;
  connection_ = std::move(opened.value());
  const auto pong = connection_->command({"PING"});
  return pong.ok() || pong.error().code == ErrorCode::refused;
}

void RedisServer::kill() {
  if (pid_ > 0) {
    ::kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  pid_ = -1;
}

void RedisServer::freeze() {
  ::kill(pid_, SIGSTOP);
  int status = 0;
  waitpid(pid_, &status, WUNTRACED);
}

void RedisServer::thaw() {
  ::kill(pid_, SIGCONT);
}

RedisReply RedisServer::run(const std::vector<std::string>& arguments) {
  const auto reply = connection_->command(arguments);
  EXPECT_TRUE(reply.ok()) << arguments[0] << ": " << reply.error().message;
  return reply.ok() ? reply.value() : RedisReply{};
}

std::map<std::string, std::string> RedisServer::hash(const std::string& key) {
  const RedisReply reply = run({"HGETALL", key});
  std::map<std::string, std::string> fields;
  for (std::size_t i = 0; i + 1 < reply.elements.size(); i += 2) {
    fields[reply.elements[i].text] = reply.elements[i + 1].text;
  }
  return fields;
}

RedisSubscription::RedisSubscription(const Address& redis, const std::string& channel)
    : context_(redisConnectWithTimeout(redis.host.c_str(), redis.port, {5, 0})) {
  redisSetTimeout(context_, {20, 0});
  freeReplyObject(redisCommand(context_, "SUBSCRIBE %s", channel.c_str()));
}

RedisSubscription::~RedisSubscription() {
  redisFree(context_);
}

std::string RedisSubscription::next() {
  void* reply = nullptr;
  if (redisGetReply(context_, &reply) != REDIS_OK) return "no message";
  const std::string text(static_cast<redisReply*>(reply)->element[2]->str);
  freeReplyObject(reply);
  return text;
}

SlowRoad::SlowRoad(const Address& redis, std::string word, Duration delay)
    : redis_(redis), word_(std::move(word)), delay_(delay) {
  std::uint16_t port = 0;
  listener_ = listen_anywhere(port);
  address_ = {"127.0.0.1", port};
  thread_ = std::thread([this] { run(); });
}

SlowRoad::~SlowRoad() {
  stopping_ = true;
  thread_.join();
  close(listener_);
}

// One client at a time is enough. What a client sent before it left still reaches Redis.
void SlowRoad::run() {
  char buffer[16 * 1024];
  int client = -1;
  int server = -1;
  while (!stopping_) {
    std::vector<pollfd> watched{{listener_, POLLIN, 0}};
    if (client >= 0) watched = {{client, POLLIN, 0}, {server, POLLIN, 0}};
    poll(watched.data(), watched.size(), 5);
    if (client < 0) {
      if ((watched[0].revents & POLLIN) == 0) continue;
      client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      server = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
      const sockaddr_in address = loopback(redis_.port);
      EXPECT_EQ(connect(server, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
      continue;
    }
    bool open = true;
    for (const auto& [from, to] : {std::pair{0, server}, std::pair{1, client}}) {
      if (watched[static_cast<std::size_t>(from)].revents == 0) continue;
      const ssize_t got = read(watched[static_cast<std::size_t>(from)].fd, buffer, sizeof buffer);
      if (got <= 0) {
        open = false;
        break;
      }
      const std::string_view bytes(buffer, static_cast<std::size_t>(got));
      if (from == 0 && bytes.find(word_) != std::string_view::npos) {
        std::this_thread::sleep_for(delay_);
        ++delayed_;
      }
      (void)!send(to, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    }
    if (!open) {
      close(client);
      close(server);
      client = server = -1;
    }
  }
  if (client >= 0) {
    close(client);
    close(server);
  }
}

}  // namespace regent::test
