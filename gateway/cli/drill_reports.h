#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "gateway/drill/drill_report.h"

// The folder of reports, which `drill run` writes and `drill report` reads: three files a run,
// named with its id.
namespace regent::cli {

// --out
void add_reports_folder(CLI::App& command, std::string& folder);

// The last ones of the drill, oldest first.
std::vector<EarlierRun> earlier_runs(const std::string& folder, const std::string& drill);
// Makes the folder, and says on standard output where the files are. False: a file cannot be
// written, which is said on standard error.
bool write_reports(const std::string& folder, const DrillReport& report);

// `drill report`
void add_report_command(CLI::App& drill, int& exit_code);

}  // namespace regent::cli
