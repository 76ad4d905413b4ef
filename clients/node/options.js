'use strict';

/** The channel arguments of gRPC's C core that grpc-js has under the same name. */
const SAME = new Set([
  'grpc.client_idle_timeout_ms',
  'grpc.default_authority',
  'grpc.dns_min_time_between_resolutions_ms',
  'grpc.enable_channelz',
  'grpc.enable_http_proxy',
  'grpc.enable_retries',
  'grpc.initial_reconnect_backoff_ms',
  'grpc.keepalive_permit_without_calls',
  'grpc.keepalive_time_ms',
  'grpc.keepalive_timeout_ms',
  'grpc.lb.ring_hash.ring_size_cap',
  'grpc.max_concurrent_streams',
  'grpc.max_receive_message_length',
  'grpc.max_reconnect_backoff_ms',
  'grpc.max_send_message_length',
  'grpc.per_rpc_retry_buffer_size',
  'grpc.primary_user_agent',
  'grpc.secondary_user_agent',
  'grpc.service_config_disable_resolution',
  'grpc.ssl_target_name_override',
  'grpc.use_local_subchannel_pool',
]);

/** What the C core calls outlier detection; grpc-js has it under another name and in another spelling. */
const OUTLIER_DETECTION = 'outlier_detection_experimental';
const DURATION = /^(\d+)(?:\.(\d{1,9}))?s$/;

/**
 * Maps a setting to grpc-js.
 *
 * @param args channel arguments, name → number or text
 * @param serviceConfig an object
 * @returns options of a channel, and for each option that is not applied, or not as it is, why
 */
function mapOptions(args, serviceConfig) {
  const options = {
    'grpc.service_config': JSON.stringify(renamed(serviceConfig)),
    // Channels share connections otherwise, and N clients would be one.
    'grpc.use_local_subchannel_pool': 1,
  };
  const notApplied = {};
  const timeout = args['grpc.keepalive_timeout_ms'];
  for (const [key, value] of Object.entries(args)) {
    if (SAME.has(key)) {
      options[key] = value;
    } else if (key === 'grpc.http2.ping_timeout_ms') {
      if (timeout === undefined) {
        options['grpc.keepalive_timeout_ms'] = value;
      } else if (timeout !== value) {
        notApplied[key] = 'grpc-js has one timeout of pings, and that of grpc.keepalive_timeout_ms is it';
      }
    } else if (key === 'grpc.http2.max_pings_without_data') {
      if (value !== 0) {
        notApplied[key] = 'grpc-js has no limit to pings without data, as 0 says';
      }
    } else {
      notApplied[key] = 'grpc-js has nothing that does this';
    }
  }
  return { options, notApplied };
}

/** The service config with outlier detection as grpc-js reads it: "outlier_detection", in snake case. */
function renamed(config) {
  if (Array.isArray(config)) {
    return config.map(renamed);
  }
  if (config === null || typeof config !== 'object') {
    return config;
  }
  return Object.fromEntries(
    Object.entries(config).map(([key, value]) =>
      key === OUTLIER_DETECTION ? ['outlier_detection', snakeCased(value)] : [key, renamed(value)],
    ),
  );
}

/** grpc-js parses this policy's own fields in snake case, and durations as {seconds, nanos}; not its child's. */
function snakeCased(config) {
  if (typeof config === 'string') {
    const found = DURATION.exec(config);
    return found ? { seconds: Number(found[1]), nanos: Number((found[2] ?? '').padEnd(9, '0')) } : config;
  }
  if (config === null || typeof config !== 'object' || Array.isArray(config)) {
    return config;
  }
  return Object.fromEntries(
    Object.entries(config).map(([key, value]) => [
      key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
      key === 'childPolicy' ? renamed(value) : snakeCased(value),
    ]),
  );
}

module.exports = { mapOptions };
