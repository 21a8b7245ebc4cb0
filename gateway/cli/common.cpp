#include <iostream>
#include <map>
#include <memory>

#include "gateway/cli/cli.h"
#include "region/log.h"

namespace regent::cli {

void add_log_options(CLI::App& app) {
  struct Choice {
    LogFormat format = LogFormat::text;
    LogLevel level = LogLevel::info;
  };
  const auto choice = std::make_shared<Choice>();
  const std::map<std::string, LogFormat> formats{{"text", LogFormat::text},
                                                 {"json", LogFormat::json}};
  const std::map<std::string, LogLevel> levels{{"debug", LogLevel::debug},
                                               {"info", LogLevel::info},
                                               {"warning", LogLevel::warning},
                                               {"error", LogLevel::error}};
  app.fallthrough();
  app.add_option_function<std::string>(
         "--log-format",
         [choice, formats](const std::string& name) {
           choice->format = formats.at(name);
           configure_log(choice->format, choice->level);
         },
         "Of the lines on standard error")
      ->check(CLI::IsMember(formats));
  app.add_option_function<std::string>(
         "--log-level",
         [choice, levels](const std::string& name) {
           choice->level = levels.at(name);
           configure_log(choice->format, choice->level);
         },
         "Least important lines to show")
      ->check(CLI::IsMember(levels));
}

void add_version_command(CLI::App& app, int& exit_code) {
  app.add_subcommand("version", "Show the version")->callback([&exit_code] {
    std::cout << "regent " REGENT_VERSION "\n";
    exit_code = kDone;
  });
}

}  // namespace regent::cli
