export { sessionWorkflow } from './session/session.workflow.js';
