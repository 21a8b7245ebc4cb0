#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

namespace regent {

enum class LogLevel { debug, info, warning, error };
enum class LogFormat { text, json };

struct LogField {
  std::string_view key;
  std::string value;
};

// Before the first event; defaults: text, info.
void configure_log(LogFormat format, LogLevel least);

// One line on standard error: time (UTC, milliseconds), level, event, fields. `event` is a short
// sentence for people ("peer refused"), details go into fields. Never throws. Any thread.
void log_event(LogLevel level, std::string_view event, std::initializer_list<LogField> fields = {});

}  // namespace regent
