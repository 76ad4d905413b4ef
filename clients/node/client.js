'use strict';

// Sends greetings on a schedule, whatever the answers do: greeter.client for Node.

const telemetry = require('./telemetry'); // before @grpc/grpc-js
const path = require('node:path');
const grpc = require('@grpc/grpc-js');
const protoLoader = require('@grpc/proto-loader');

const { BadArgumentError, parse } = require('./arguments');
const { emit } = require('./events');
const { Load } = require('./load');
const { mapOptions } = require('./options');

const PROTO = path.join(__dirname, '..', '..', 'proto', 'greeter', 'v1', 'greeter.proto');

async function main(words) {
  const args = parse(words);
  const { options, notApplied } = mapOptions(args.channelArgs, args.serviceConfig);
  for (const [option, why] of Object.entries(notApplied)) {
    emit('option_not_applied', { option, why });
  }
  if (args.target.startsWith('xds:')) {
    completeBootstrap(process.env);
    require('@grpc/grpc-js-xds').register(); // it takes a second to load, which other targets need not wait
  }
  const { GreeterService } = grpc.loadPackageDefinition(protoLoader.loadSync(PROTO)).greeter.v1;
  if (args.check) {
    open(GreeterService, { ...args, clients: 1 }, options).forEach((stub) => stub.close());
    return;
  }
  const stubs = open(GreeterService, args, options);
  const load = new Load(stubs, args);
  for (const name of ['SIGTERM', 'SIGINT']) {
    process.on(name, () => load.stop());
  }
  const startAt = args.startAt ?? Date.now() / 1e3;
  emit('started', { target: args.target, clients: args.clients, start_at: startAt });
  const elapsed = await load.run(args, startAt);
  emit('finished', { tally: load.tally.report(elapsed) });
  stubs.forEach((stub) => stub.close());
  await telemetry.shutdown();
}

/** grpc-js-xds refuses a bootstrap without a locality, which the other languages do without. */
function completeBootstrap(environment) {
  if (environment.GRPC_XDS_BOOTSTRAP_CONFIG && !environment.GRPC_XDS_BOOTSTRAP) {
    const bootstrap = JSON.parse(environment.GRPC_XDS_BOOTSTRAP_CONFIG);
    bootstrap.node = { locality: {}, ...bootstrap.node };
    environment.GRPC_XDS_BOOTSTRAP_CONFIG = JSON.stringify(bootstrap);
  }
}

/** A channel a client, each connecting; throws BadArgumentError where grpc-js refuses the setting. */
function open(Service, args, options) {
  const policies = JSON.parse(options['grpc.service_config']).loadBalancingConfig;
  if (policies !== undefined && grpc.experimental.selectLbConfigFromList(policies) === null) {
    throw new BadArgumentError(`grpc-js knows none of the policies ${JSON.stringify(policies)}`);
  }
  return Array.from({ length: args.clients }, () => {
    try {
      const stub = new Service(args.target, grpc.credentials.createInsecure(), options);
      stub.getChannel().getConnectivityState(true);
      return stub;
    } catch (error) {
      throw new BadArgumentError(error.message);
    }
  });
}

main(process.argv.slice(2)).then(
  () => process.exit(0), // grpc-js's xDS client would keep the process alive
  (error) => {
    process.stderr.write(`greeter-client: error: ${error.message.split(/\s+/).join(' ')}\n`);
    process.exit(error instanceof BadArgumentError ? 2 : 1);
  },
);
