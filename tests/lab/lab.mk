## lab: hosts with real OpenZFS (tests/lab/README.md)

LAB := $(dir $(lastword $(MAKEFILE_LIST)))lab
HOST ?= source

.PHONY: lab lab-shell lab-down lab-status

lab: ## Start the lab; the first time builds it, about ten minutes
	@$(LAB) up
	@echo "make lab-shell HOST=source        a shell on a host (source, backup, offsite)"
	@echo "$(LAB) exec ansible-playbook ...  Ansible, with the lab's inventory"
	@echo "make lab-down                     end it"

lab-shell: ## Open a shell on HOST
	@$(LAB) shell $(HOST)

lab-down: ## Stop the lab
	@$(LAB) down

lab-status: ## Show which hosts run
	@$(LAB) status
