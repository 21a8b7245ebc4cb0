#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "gateway/cli/cli.h"
#include "security/certificate.h"
#include "security/certificate_folder.h"
#include "topology/load.h"

namespace regent::cli {
namespace {

struct CertsOptions {
  std::string topology_file;
  std::string dir;
  int days = 365;
};

std::vector<CertificateHolder> holders_of(const Topology& topology) {
  std::vector<CertificateHolder> holders;
  for (const auto& gateway : topology.gateways) {
    holders.push_back({{topology.cluster, IdentityRole::gateway,
                        topology.region_name(gateway.region), gateway.name},
                       {gateway.host}});
  }
  for (const auto& node : topology.nodes) {
    holders.push_back(
        {{topology.cluster, IdentityRole::node, topology.region_name(node.region), node.name},
         {node.address.host}});
  }
  holders.push_back({{topology.cluster, IdentityRole::operator_, "", ""}, {}});
  return holders;
}

int create_certificates(const CertsOptions& options) {
  const LoadedTopology loaded = load_topology(options.topology_file);
  for (const auto& finding : loaded.errors) std::cerr << finding.message() << "\n";
  if (!loaded.errors.empty()) return kBadTopology;
  const auto holders = holders_of(loaded.topology);
  const auto folder =
      create_certificate_folder(options.dir, loaded.topology.cluster, holders, options.days);
  if (!folder.ok()) {
    std::cerr << "regent certs create: " << folder.error().message << "\n";
    return kError;
  }
  std::cout << (folder->authority_reused ? "authority     " : "new authority ") << options.dir
            << "/ca.crt\n"
            << "certificates  " << options.dir << "/REGION.NAME.crt and .key for "
            << loaded.topology.gateways.size() << " gateways and " << loaded.topology.nodes.size()
            << " nodes\n"
            << "operator      " << options.dir << "/operator.crt and .key\n"
            << "valid until   " << utc_text(folder->not_after) << "\n"
            << "keep          " << options.dir
            << "/ca.key to yourself: a process needs only ca.crt and its own pair\n";
  return kDone;
}

}  // namespace

void add_certs_command(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<CertsOptions>();
  auto* certs = app.add_subcommand("certs", "Certificates of the processes and the operator");
  certs->require_subcommand(1);
  auto* create = certs->add_subcommand(
      "create",
      "Make or renew development certificates: an authority (kept if the folder has one),\n"
      "one certificate per process of the topology, one for the operator");
  create->add_option("--topology", options->topology_file, "Topology file")
      ->required()
      ->envname("REGENT_TOPOLOGY");
  create->add_option("--out", options->dir, "Folder for the certificates; made if missing")
      ->required();
  create->add_option("--days", options->days, "Days the certificates are valid")
      ->check(CLI::Range(1, kMaxCertificateDays))
      ->capture_default_str();
  create->callback([options, &exit_code] { exit_code = create_certificates(*options); });
}

}  // namespace regent::cli
