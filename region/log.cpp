#include "region/log.h"

#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <ctime>
#include <exception>

namespace regent {
namespace {

std::atomic<LogFormat> log_format{LogFormat::text};
std::atomic<LogLevel> least_level{LogLevel::info};

const char* level_name(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return "debug";
    case LogLevel::info:
      return "info";
    case LogLevel::warning:
      return "warning";
    case LogLevel::error:
      break;
  }
  return "error";
}

std::string utc_now() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  std::tm parts{};
  gmtime_r(&now.tv_sec, &parts);
  char text[40];
  const std::size_t length = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
  std::snprintf(text + length, sizeof text - length, ".%03ldZ", now.tv_nsec / 1'000'000);
  return text;
}

// How many bytes of valid UTF-8 start here; 0: none.
std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const auto follows = [&](std::size_t i) { return i < text.size() && (byte(i) & 0xc0) == 0x80; };
  if (byte(0) < 0x80) return 1;
  if (byte(0) >= 0xc2 && byte(0) < 0xe0) return follows(1) ? 2 : 0;
  if (byte(0) >= 0xe0 && byte(0) < 0xf0) {
    if (!follows(1) || !follows(2)) return 0;
    const bool overlong = byte(0) == 0xe0 && byte(1) < 0xa0;
    const bool surrogate = byte(0) == 0xed && byte(1) >= 0xa0;
    return overlong || surrogate ? 0 : 3;
  }
  if (byte(0) >= 0xf0 && byte(0) < 0xf5) {
    if (!follows(1) || !follows(2) || !follows(3)) return 0;
    const bool outside =
        (byte(0) == 0xf0 && byte(1) < 0x90) || (byte(0) == 0xf4 && byte(1) >= 0x90);
    return outside ? 0 : 4;
  }
  return 0;
}

// In quotes, with escapes that JSON knows: what a peer sent cannot break or forge a line.
void append_quoted(std::string& line, std::string_view text) {
  line += '"';
  while (!text.empty()) {
    const char c = text.front();
    std::size_t length = utf8_length(text);
    if (c == '"' || c == '\\') {
      line += '\\';
      line += c;
    } else if (c == '\n') {
      line += "\\n";
    } else if (length == 0) {
      line += "\\ufffd";
      length = 1;
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      char escape[8];
      std::snprintf(escape, sizeof escape, "\\u%04x", static_cast<unsigned>(c));
      line += escape;
    } else {
      line += text.substr(0, length);
    }
    text.remove_prefix(length);
  }
  line += '"';
}

bool is_plain(std::string_view value) {
  for (const char c : value) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte <= ' ' || byte >= 0x7f || c == '"' || c == '\\' || c == '=') return false;
  }
  return !value.empty();
}

std::string text_line(LogLevel level, std::string_view event,
                      std::initializer_list<LogField> fields) {
  std::string line = utc_now();
  line += ' ';
  line += level_name(level);
  line.append(8 - std::string_view(level_name(level)).size(), ' ');
  line += event;
  for (const LogField& field : fields) {
    line += ' ';
    line += field.key;
    line += '=';
    if (is_plain(field.value)) {
      line += field.value;
    } else {
      append_quoted(line, field.value);
    }
  }
  return line + '\n';
}

std::string json_line(LogLevel level, std::string_view event,
                      std::initializer_list<LogField> fields) {
  std::string line = "{\"time\":\"" + utc_now() + "\",\"level\":\"" + level_name(level) + "\"";
  line += ",\"event\":";
  append_quoted(line, event);
  for (const LogField& field : fields) {
    line += ',';
    append_quoted(line, field.key);
    line += ':';
    append_quoted(line, field.value);
  }
  return line + "}\n";
}

}  // namespace

void configure_log(LogFormat format, LogLevel least) {
  log_format = format;
  least_level = least;
}

void log_event(LogLevel level, std::string_view event, std::initializer_list<LogField> fields) {
  if (level < least_level.load(std::memory_order_relaxed)) return;
  try {
    const std::string line = log_format.load(std::memory_order_relaxed) == LogFormat::json
                                 ? json_line(level, event, fields)
                                 : text_line(level, event, fields);
    // One write for the whole line, so that lines of several threads do not mix.
    std::string_view rest = line;
    while (!rest.empty()) {
      const ssize_t put = ::write(STDERR_FILENO, rest.data(), rest.size());
      if (put < 0 && errno == EINTR) continue;
      if (put <= 0) return;
      rest.remove_prefix(static_cast<std::size_t>(put));
    }
  } catch (const std::exception&) {
    // Out of memory: the line is lost, the process goes on.
  }
}

}  // namespace regent
