// The part of the control service that passes orders on to the whole run.
#include <utility>
#include <variant>

#include "daemon/control_convert.h"
#include "daemon/control_service.h"
#include "daemon/control_status.h"

namespace skiptrain::daemon {

// Where it takes effect if nobody says: for a resume where the pause did, else where every node can
// still keep it.
Round ControlService::usual_round(const core::DirectiveOrder& order) {
  const auto* run = std::get_if<core::RunOrder>(&order);
  const bool resumes = run != nullptr && *run == core::RunOrder::kRun;
  const std::uint64_t diameter = diameter();
  return driver_.inspect([=](const core::Node& node) {
    return resumes ? node.resume_round() : node.safe_directive_round(diameter);
  });
}

grpc::Status ControlService::IssueDirective(grpc::ServerContext*,
                                            const v1::IssueDirectiveRequest* request,
                                            v1::IssueDirectiveResponse* response) {
  const auto order = order_of(*request);
  if (!order) return to_grpc(order.error());
  core::DirectiveIssued event{*order, request->has_effective_round()
                                          ? Round(request->effective_round())
                                          : usual_round(*order)};
  const std::uint64_t diameter = diameter();
  const auto issued = driver_.request(
      event, [&](const core::Node& node) { return node.check_directive(event); },
      [&](const core::Node& node) {
        response->set_safe_round(node.safe_directive_round(diameter).value());
        return to_message(*node.directives().in_force(event.order, event.effective));
      });
  if (!issued) return to_grpc(issued.error());
  *response->mutable_directive() = *issued;
  return grpc::Status::OK;
}

grpc::Status ControlService::ListDirectives(grpc::ServerContext*, const v1::ListDirectivesRequest*,
                                            v1::ListDirectivesResponse* response) {
  driver_.inspect([response](const core::Node& node) {
    for (const core::Directive& directive : node.directives().all()) {
      *response->add_directives() = to_message(directive);
    }
    response->set_round(node.round().value());
    return 0;
  });
  return grpc::Status::OK;
}

}  // namespace skiptrain::daemon
