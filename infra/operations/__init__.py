"""Commands for a deployment: build its images, upgrade it, roll it back, and try it in an empty project.

They need Python, Terraform, and gcloud only. `./run images`, `upgrade`, `rollback`, and `smoke` call them.
"""
