export { janitorWorkflow } from './janitor/janitor.workflow.js';
export { sessionWorkflow } from './session/session.workflow.js';
