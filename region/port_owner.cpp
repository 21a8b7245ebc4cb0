#include "region/port_owner.h"

#include <unistd.h>

#include <charconv>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

namespace regent {
namespace {

namespace fs = std::filesystem;

bool is_number(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

// An address as the kernel's tables write it: hexadecimal words in host byte order.
std::string table_host(const Poco::Net::IPAddress& host) {
  std::string text;
  for (poco_socklen_t at = 0; at < host.length(); at += sizeof(std::uint32_t)) {
    std::uint32_t word = 0;
    std::memcpy(&word, static_cast<const char*>(host.addr()) + at, sizeof word);
    char digits[9];
    std::snprintf(digits, sizeof digits, "%08X", word);
    text += digits;
  }
  return text;
}

// Inodes of the sockets that listen on the address, or on its port at every address (0.0.0.0, ::).
std::set<std::string> listening_inodes(const char* table, const Poco::Net::SocketAddress& address) {
  const std::string host = table_host(address.host());
  std::set<std::string> inodes;
  std::ifstream file(table);
  std::string line;
  std::getline(file, line);
  while (std::getline(file, line)) {
    std::istringstream fields(line);
    std::string slot, local, remote, state, queues, timer, retries, uid, timeout, inode;
    fields >> slot >> local >> remote >> state >> queues >> timer >> retries >> uid >> timeout >>
        inode;
    const std::size_t colon = local.rfind(':');
    if (state != "0A" || colon == std::string::npos) continue;
    unsigned found = 0;
    std::from_chars(local.data() + colon + 1, local.data() + local.size(), found, 16);
    const std::string at = local.substr(0, colon);
    const bool everywhere = at.find_first_not_of('0') == std::string::npos;
    if (found == address.port() && (at == host || everywhere))
      inodes.insert("socket:[" + inode + "]");
  }
  return inodes;
}

bool holds_one_of(const fs::path& process, const std::set<std::string>& inodes) {
  std::error_code error;
  for (fs::directory_iterator it(process / "fd", error), end; !error && it != end;
       it.increment(error)) {
    std::error_code unreadable;
    const fs::path link = fs::read_symlink(it->path(), unreadable);
    if (!unreadable && inodes.contains(link.string())) return true;
  }
  return false;
}

}  // namespace

std::string port_owner(const Poco::Net::SocketAddress& address) {
  std::set<std::string> inodes = listening_inodes("/proc/net/tcp", address);
  inodes.merge(listening_inodes("/proc/net/tcp6", address));
  if (inodes.empty()) return {};
  std::error_code error;
  for (fs::directory_iterator it("/proc", error), end; !error && it != end; it.increment(error)) {
    const std::string pid = it->path().filename().string();
    if (!is_number(pid) || !holds_one_of(it->path(), inodes)) continue;
    std::ifstream file(it->path() / "comm");
    std::string name;
    std::getline(file, name);
    return "process " + name + ", pid " + pid;
  }
  return {};
}

}  // namespace regent
