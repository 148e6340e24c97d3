/** What the gateway counts while it runs; plain numbers, so that counting costs nothing. */
export class Counters {
  binaryConnections = 0;
  jsonConnections = 0;
  messagesReceived = 0;
  bytesReceived = 0;
  bytesSent = 0;
  requestsRefused = 0;
  slowConsumersClosed = 0;
  watchedWallets = 0;
  deltasPublished = 0;
  deltasDelivered = 0;
  deltasConflated = 0;
  replicationPending = 0;
}
