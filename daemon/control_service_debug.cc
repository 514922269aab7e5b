// The part of the control service that a fault is looked for with: settings, log, metrics.
#include <utility>

#include "daemon/config/effective.h"
#include "daemon/control_service.h"
#include "daemon/logging/logging.h"

namespace skiptrain::daemon {

void ControlService::set_config_in_force(Config config) {
  const std::scoped_lock lock(config_in_force_mutex_);
  config_in_force_ = std::move(config);
}

grpc::Status ControlService::GetConfig(grpc::ServerContext*, const v1::GetConfigRequest*,
                                       v1::GetConfigResponse* response) {
  Config config = config_;
  {
    const std::scoped_lock lock(config_in_force_mutex_);
    if (config_in_force_) config = *config_in_force_;
  }
  config.log.level = log_level();  // SetLogLevel may have changed it
  response->set_file(config.source.string());
  for (EffectiveSetting& setting : effective_settings(config)) {
    auto* out = response->add_settings();
    out->set_key(std::move(setting.path));
    if (setting.value) out->set_value(*std::move(setting.value));
    out->set_is_default(setting.is_default);
    out->set_removed(setting.removed);
  }
  return grpc::Status::OK;
}

grpc::Status ControlService::ListLogLines(grpc::ServerContext*,
                                          const v1::ListLogLinesRequest* request,
                                          grpc::ServerWriter<v1::LogLine>* writer) {
  for (std::string& text : recent_log_lines(request->last())) {
    v1::LogLine line;
    line.set_text(std::move(text));
    if (!writer->Write(line)) break;
  }
  return grpc::Status::OK;
}

grpc::Status ControlService::GetMetrics(grpc::ServerContext*, const v1::GetMetricsRequest*,
                                        v1::GetMetricsResponse* response) {
  response->set_page(metrics_page(node_report()));
  return grpc::Status::OK;
}

}  // namespace skiptrain::daemon
