# Run by `odoo shell` in the fresh template database: a company with a chart of accounts, an administrator with a
# password for the web client, and an API key that outlives every cache. Prints nothing; writes the key to a file.
import datetime
import os

company = env.company
if not company.country_id:
    company.country_id = env.ref("base.us")
if company.chart_template != "generic_coa":
    env["account.chart.template"].try_loading("generic_coa", company=company, install_demo=False)
assert company.chart_template == "generic_coa", "the company has chart %r" % company.chart_template

admin = env["res.users"].browse(2)
admin.password = "admin"
admin.group_ids = [(4, env.ref("api_doc.group_allow_doc").id)]
env.ref("base.group_user").api_key_duration = 3650
expires = datetime.datetime.now() + datetime.timedelta(days=3650)
key = env["res.users.apikeys"].with_user(admin)._generate("rpc", "crossdock tests", expires)
with open(os.environ["CROSSDOCK_KEY_OUT"], "w") as out:
    out.write(key + "\n")
env.cr.commit()
