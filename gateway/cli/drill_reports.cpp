#include "gateway/cli/drill_reports.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <set>
#include <sstream>

#include "gateway/cli/admin_client.h"
#include "gateway/cli/cli.h"
#include "gateway/cli/drill_run.h"

namespace regent::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kEarlierRuns = 20;   // that a report is compared with
constexpr std::size_t kShownReports = 10;  // where the one that was asked for is not there
// What an id ends with: when the run began, and four characters more.
constexpr std::size_t kTimeBytes = sizeof "20261126T101500Z-3fa2" - 1;

struct ReportOptions {
  std::string folder = "drill-reports";
  std::string id;
  std::string format = "text";
  bool json = false;
};

std::string read_file(const fs::path& path) {
  std::ifstream stream(path, std::ios::binary);
  std::stringstream text;
  text << stream.rdbuf();
  return text.str();
}

std::string files_text(const std::string& stem) {
  return "report: " + stem + ".html (and .json, .xml)\n";
}

// The ids of the folder's reports, the oldest run first.
std::vector<std::string> report_ids(const fs::path& folder) {
  std::vector<std::string> ids;
  std::error_code problem;
  for (const auto& entry : fs::directory_iterator(folder, problem)) {
    if (entry.path().extension() == ".json") ids.push_back(entry.path().stem().string());
  }
  const auto time = [](const std::string& id) {
    return std::pair(id.substr(id.size() - std::min(id.size(), kTimeBytes)), id);
  };
  std::ranges::sort(ids, {}, time);
  return ids;
}

// Without its suffix. The user may give an id, or one of its files as `drill run` named it.
fs::path stem_of(const ReportOptions& options) {
  fs::path given = options.id;
  const std::set<std::string> suffixes = {".json", ".xml", ".html"};
  if (suffixes.contains(given.extension().string())) given.replace_extension();
  return given.has_parent_path() ? given : fs::path(options.folder) / given;
}

std::string missing_text(const fs::path& file) {
  const fs::path folder = file.parent_path();
  std::string text = "there is no " + file.string();
  const std::vector<std::string> ids = report_ids(folder);
  if (ids.empty()) {
    return text + ", and no other report is in " + folder.string() +
           "; --out names the folder that `regent drill run` wrote to";
  }
  const std::size_t shown = std::min(ids.size(), kShownReports);
  text += shown < ids.size() ? "; the last " + std::to_string(shown) + " of " +
                                   std::to_string(ids.size()) + " reports in "
                             : "; the reports in ";
  text += folder.string() + " are:";
  for (std::size_t i = ids.size() - shown; i < ids.size(); ++i) text += "\n  " + ids[i];
  return text;
}

int report(const ReportOptions& options) {
  const std::string format = options.json ? "json" : options.format;
  const fs::path stem = stem_of(options);
  fs::path file = stem;
  file += format == "html" ? ".html" : format == "junit" ? ".xml" : ".json";
  std::string text = read_file(file);
  if (text.empty()) {
    complain("drill report", missing_text(file));
    return kError;
  }
  if (format == "text") {
    const auto kept = kept_text(text);
    if (!kept) {
      complain("drill report", file.string() +
                                   " is not what `regent drill run` of this version writes; "
                                   "--json prints it as it is");
      return kError;
    }
    text = *kept + files_text(stem.string());
  }
  std::cout << text;
  return kDone;
}

}  // namespace

void add_reports_folder(CLI::App& command, std::string& folder) {
  command.add_option("--out", folder, "Folder of the reports")->capture_default_str();
}

std::vector<EarlierRun> earlier_runs(const std::string& folder, const std::string& drill) {
  const std::vector<std::string> ids = report_ids(folder);
  const std::string begins = drill_stem(drill);
  std::vector<EarlierRun> runs;
  for (std::size_t i = ids.size(); i > 0 && runs.size() < kEarlierRuns; --i) {
    if (ids[i - 1].rfind(begins, 0) != 0) continue;
    const fs::path file = fs::path(folder) / (ids[i - 1] + ".json");
    if (auto run = earlier_run(read_file(file), drill)) runs.push_back(*std::move(run));
  }
  std::ranges::reverse(runs);
  return runs;
}

bool write_reports(const std::string& folder, const DrillReport& report) {
  std::error_code problem;
  fs::create_directories(folder, problem);
  const std::string stem = fs::path(folder) / report.record.id;
  for (const auto& [name, text] : {std::pair(stem + ".json", report_json(report)),
                                   std::pair(stem + ".xml", report_junit(report)),
                                   std::pair(stem + ".html", report_page(report))}) {
    std::ofstream stream(name, std::ios::binary);
    stream << text << std::flush;
    if (stream) continue;
    complain("drill run", "cannot write " + name);
    return false;
  }
  std::cout << files_text(stem);
  return true;
}

void add_report_command(CLI::App& drill, int& exit_code) {
  auto options = std::make_shared<ReportOptions>();
  auto* command = drill.add_subcommand("report", "Show the report of a drill that was run");
  command->add_option("ID", options->id, "The run, or a file of its report, as `drill run` said")
      ->required();
  auto* format = command->add_option("--format", options->format, "text, json, junit or html")
                     ->check(CLI::IsMember({"text", "json", "junit", "html"}))
                     ->capture_default_str();
  command->add_flag("--json", options->json, "Print JSON")->excludes(format);
  add_reports_folder(*command, options->folder);
  command->callback([options, &exit_code] { exit_code = report(*options); });
}

}  // namespace regent::cli
