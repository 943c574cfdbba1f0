// Every mutation of the apps, once, by a persona that may: in an order in which each leaves what the next ones need.

const MSSP = /^Runs an MSSP/;
const RESELLER = /^Runs a reseller/;
const PORTAL = /portal is FULL/;
const TRIAL = /on trial/;

/** `as` finds the persona by its description; `put` gives what the page left blank or has of another customer, from what was answered before. */
export const MUTATIONS = [
  { name: 'PortalHomeVisitMutation', as: PORTAL },
  { name: 'ConsentSetMutation', as: PORTAL },
  { name: 'ConsentElectMutation', as: TRIAL },
  { name: 'PortalFindingsTriageMutation', as: PORTAL },
  { name: 'PortalFindingsTriageManyMutation', as: PORTAL },
  { name: 'PortalEvidenceCreateMutation', as: PORTAL },
  { name: 'PortalScansRunMutation', as: PORTAL },
  { name: 'PortalScansScheduleMutation', as: PORTAL },
  { name: 'PortalSharesCreateMutation', as: PORTAL },
  { name: 'PortalSharesRevokeMutation', as: PORTAL, put: told => ({ postureShareId: told.PortalSharesCreateMutation.postureShare.id }) },
  { name: 'SettingsSamlMutation', as: PORTAL },
  { name: 'SettingsCreateKeyMutation', as: PORTAL },
  { name: 'SettingsRevokeKeyMutation', as: PORTAL, put: told => ({ apiKeyId: told.SettingsCreateKeyMutation.apiKey.id }) },
  { name: 'SettingsInviteMutation', as: PORTAL },
  { name: 'SettingsRoleMutation', as: PORTAL },

  { name: 'PartnerHomeVisitMutation', as: MSSP },
  { name: 'TriageMutation', as: MSSP },
  { name: 'TriageManyMutation', as: MSSP },
  { name: 'TriageNoteMutation', as: MSSP },
  { name: 'TriageSlaMutation', as: MSSP },
  { name: 'ScansRunMutation', as: MSSP },
  { name: 'ScansCancelMutation', as: MSSP, put: told => ({ scanId: told.ScansRunMutation.scan.id }) },
  { name: 'ScansScheduleMutation', as: MSSP },
  { name: 'ScansPauseMutation', as: MSSP },
  { name: 'ScansResumeMutation', as: MSSP },
  { name: 'SharesCreateMutation', as: MSSP },
  { name: 'SharesRevokeMutation', as: MSSP, put: told => ({ postureShareId: told.SharesCreateMutation.postureShare.id }) },
  { name: 'SellingCreateCustomerMutation', as: MSSP },
  { name: 'SellingCreateQuoteMutation', as: MSSP, put: told => ({ customerId: told.SellingCreateCustomerMutation.customer.id }) },
  { name: 'SellingAcceptQuoteMutation', as: MSSP, put: told => ({ quoteId: told.SellingCreateQuoteMutation.quote.id }) },
  {
    name: 'SellingConvertTrialMutation',
    as: MSSP,
    put: async (_, access) => ({ accessId: (await access({ status: ['TRIAL'] }, ({ trial }) => trial && !trial.expired)).id }),
  },
  {
    name: 'ContractAlertMutation',
    as: MSSP,
    put: async (_, access) => ({
      accessId: (await access({}, ({ subscription }) => subscription?.usage?.alert && !subscription.usage.alert.acknowledgedAt)).id,
    }),
  },
  { name: 'TeamAssignMutation', as: MSSP },
  { name: 'TeamDisableMutation', as: MSSP },
  { name: 'ContractSuspendMutation', as: MSSP },
  { name: 'ContractResumeMutation', as: MSSP },
  { name: 'ContractCeilingMutation', as: MSSP },
  { name: 'ChangeModelMutation', as: MSSP },
  // By the partner that manages the customer; last, for it closes the portal to what its own people did above.
  { name: 'ContractPortalMutation', as: RESELLER },
];
